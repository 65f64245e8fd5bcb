namespace GridWrapper.Watching;

/// <summary>How a payload is watched.</summary>
internal sealed record WatchOptions
{
    public PayloadLimits Limits { get; init; } = new();

    /// <summary>Between two samples.</summary>
    public TimeSpan SampleInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Between two looks at the limits that only sampling can hold (memory, CPU, processes).</summary>
    public TimeSpan GuardInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Between two walks through the directories; longer where a walk takes long.</summary>
    public TimeSpan DirectoryInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The job directory.</summary>
    public required string JobDirectory { get; init; }

    /// <summary>The private /tmp, null for none.</summary>
    public string? ScratchDirectory { get; init; }

    public CgroupUse Cgroup { get; init; } = CgroupUse.Auto;

    /// <summary>Called after each sample with everything so far.</summary>
    public Action<PayloadUsage>? Sampled { get; init; }

    /// <summary>"/" or a recorded tree.</summary>
    public string Root { get; init; } = "/";
}

/// <summary>What may be done with control groups.</summary>
internal enum CgroupUse
{
    /// <summary>Whatever works without moving a process that is not gridwrap itself.</summary>
    Auto,

    /// <summary>The other processes of the same user in gridwrap's group may be moved to a leaf of their own, because controllers need that.</summary>
    Move,

    Off,
}
