using GridWrapper.Sites;

namespace GridWrapper.Probing;

/// <summary>What the host probe works with.</summary>
internal sealed record HostProbeContext
{
    public required SiteProfile Site { get; init; }

    /// <summary>The process's gate to disposable children; one for the whole process.</summary>
    public required IProbeChildren Children { get; init; }

    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>The miniature container set-up; it lives with the launchers.</summary>
    public Func<CancellationToken, Task<Fact<NamespaceFacts>>>? Namespaces { get; init; }

    /// <summary>The trial of a control group; it lives with what watches payloads.</summary>
    public Func<Task<Fact<CgroupFacts>>>? Cgroups { get; init; }

    /// <summary>"/" or a recorded tree.</summary>
    public string Root { get; init; } = "/";
}
