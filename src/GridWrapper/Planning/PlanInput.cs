using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Planning;

/// <summary>Everything the planner knows. The plan is a function of this and of nothing else.</summary>
internal sealed record PlanInput
{
    public required SiteProfile Site { get; init; }

    public required HostFacts Host { get; init; }

    public required ImageFacts Image { get; init; }

    /// <summary>Absolute path of the node's cache.</summary>
    public required string CacheDirectory { get; init; }

    /// <summary>Absolute paths of caches that are only read.</summary>
    public ImmutableArray<string> SharedCaches { get; init; } = [];

    /// <summary>Bytes on disk of what the cache holds and nobody uses; looked at only where space is short.</summary>
    public long RemovableBytes { get; init; }

    /// <summary>Files and directories of the same.</summary>
    public long RemovableEntries { get; init; }

    /// <summary>Root temporarily writable (`--writable`).</summary>
    public bool Writable { get; init; }

    /// <summary>Why a GPU that is required cannot be had here; null where it can, or need not.</summary>
    public string? MissingGpu { get; init; }

    /// <summary>`--strategy`, null = any.</summary>
    public string? ForcedStrategy { get; init; }

    /// <summary>`--launcher`, null = any.</summary>
    public string? ForcedLauncher { get; init; }
}
