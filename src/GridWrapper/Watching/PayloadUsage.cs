namespace GridWrapper.Watching;

/// <summary>What a payload used, from all samples so far and from its control group. Memory in bytes.</summary>
internal sealed record PayloadUsage
{
    public int SampleCount { get; init; }

    public double CpuSeconds { get; init; }

    public double WallSeconds { get; init; }

    /// <summary>Largest values seen at one moment, each for itself.</summary>
    public required MemoryFigures Maximum { get; init; }

    public required MemoryFigures Average { get; init; }

    /// <summary>Peak that the control group counted, page cache included; null without one.</summary>
    public long? CgroupPeakBytes { get; init; }

    public long ReadChars { get; init; }

    public long WrittenChars { get; init; }

    public long ReadBytes { get; init; }

    public long WrittenBytes { get; init; }

    public NetworkCounters Network { get; init; } = new(0, 0, 0, 0);

    public int MaximumProcesses { get; init; }

    public int MaximumThreads { get; init; }

    public double AverageProcesses { get; init; }

    public double AverageThreads { get; init; }

    /// <summary>Largest size of the directories, null where they were not walked.</summary>
    public long? DiskBytes { get; init; }

    /// <summary>What held the limits: "cgroup" or "sampling".</summary>
    public required string Means { get; init; }
}

/// <summary>Memory, in bytes.</summary>
internal sealed record MemoryFigures(long Rss, long Pss, long Swap, long Virtual);
