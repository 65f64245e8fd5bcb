namespace GridWrapper.Sites;

/// <summary>What payloads may use on this site and how they are watched. Null is no limit.</summary>
internal sealed record LimitPolicy
{
    /// <summary>
    /// Whether the limits that jobs bring (minRamCount, maxCpuCount, maxDiskCount, maxWalltime, looping check) are enforced: "standalone" (not under a pilot, which does it
    /// by itself), "always" or "never".
    /// </summary>
    public string FromJob { get; init; } = "standalone";

    /// <summary>A job's minRamCount times this is its memory limit: the pilot's own rule.</summary>
    public double MemoryFactor { get; init; } = 2;

    public double? MemoryBytes { get; init; }

    /// <summary>Processor time of all processes together.</summary>
    public double? CpuSeconds { get; init; }

    /// <summary>Processors at a time; needs a delegated control group.</summary>
    public double? Cores { get; init; }

    /// <summary>Processes and threads.</summary>
    public double? Processes { get; init; }

    /// <summary>Job directory and private /tmp together.</summary>
    public double? DiskBytes { get; init; }

    /// <summary>One file of the job directory.</summary>
    public double? OutputFileBytes { get; init; }

    /// <summary>payload.stdout and payload.stderr, each; the pilot's limit.</summary>
    public double? StdoutBytes { get; init; }

    /// <summary>Without a change in job directory and private /tmp for this long a payload counts as stuck.</summary>
    public double? LoopingSeconds { get; init; }

    /// <summary>"auto": whatever works without moving a process that is not gridwrap itself; "move": processes of the same user in gridwrap's control group may be moved to a leaf; "off".</summary>
    public string Cgroup { get; init; } = "auto";

    /// <summary>Between two samples of what a payload uses.</summary>
    public double SampleSeconds { get; init; } = 30;

    /// <summary>Between two walks through the job directory.</summary>
    public double DirectorySeconds { get; init; } = 60;

    /// <summary>A limit that only watching can hold, or that a control group holds.</summary>
    internal bool Any => MemoryBytes is not null || CpuSeconds is not null || Cores is not null || Processes is not null || DiskBytes is not null
        || OutputFileBytes is not null || StdoutBytes is not null || LoopingSeconds is not null;
}
