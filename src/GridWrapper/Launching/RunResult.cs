using GridWrapper.Watching;

namespace GridWrapper.Launching;

/// <summary>How the payload ended. It did start: a launch that failed is an exception.</summary>
internal sealed record RunResult
{
    /// <summary>0–255; 128+signal when <see cref="Signal"/> is set; 126/127 when the command could not be executed (then <see cref="ExecErrno"/> is set).</summary>
    public required int ExitCode { get; init; }

    public int? Signal { get; init; }

    /// <summary>errno name of the failed execve inside, when the exit code 126/127 is ours and not the payload's.</summary>
    public string? ExecErrno { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset EndedAt { get; init; }

    public double WallSeconds => (EndedAt - StartedAt).TotalSeconds;

    /// <summary>User + system time of everything that was reaped.</summary>
    public double CpuSeconds { get; init; }

    /// <summary>Largest resident set of any single process.</summary>
    public long MaxRssBytes { get; init; }

    /// <summary>The kernel killed processes of the payload because memory was used up.</summary>
    public bool OomKilled { get; init; }

    /// <summary>The limit that the payload was stopped for.</summary>
    public LimitBreach? Breach { get; init; }

    /// <summary>Null where the run was not watched.</summary>
    public PayloadUsage? Usage { get; init; }

    public ImmutableArray<ResourceSample> Samples { get; init; } = [];

    /// <summary>A process that even KILL did not end (stuck in the kernel) and that had to be left behind.</summary>
    public int? StuckProcess { get; init; }

    public StopReason StopReason { get; init; }

    /// <summary>What serving the root took; null where this process did not.</summary>
    public Serving.ServingFigures? Serving { get; init; }
}
