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

    /// <summary>Root temporarily writable (`--writable`).</summary>
    public bool Writable { get; init; }

    /// <summary>Why a GPU that is required cannot be had here; null where it can, or need not.</summary>
    public string? MissingGpu { get; init; }

    /// <summary>`--strategy`, null = any.</summary>
    public string? ForcedStrategy { get; init; }

    /// <summary>`--launcher`, null = any.</summary>
    public string? ForcedLauncher { get; init; }
}
