using GridWrapper.Launching;

namespace GridWrapper.Reporting;

/// <summary>What a heartbeat sends and how often.</summary>
internal sealed record HeartbeatOptions
{
    /// <summary>Makes the update of this moment; the argument is the stdout tail in debug mode, else null.</summary>
    public required Func<string?, JobUpdate> Snapshot { get; init; }

    public required StopSource Stop { get; init; }

    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(1800);

    public TimeSpan DebugInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Without an accepted update for this long the payload is stopped: the server has given the job to somebody else.</summary>
    public TimeSpan LostAfter { get; init; } = TimeSpan.FromSeconds(10800);

    /// <summary>Starts in debug mode ("debug": "True" in the job).</summary>
    public bool Debug { get; init; }

    /// <summary>The end of the payload's stdout; asked for in debug mode only.</summary>
    public Func<string?> StdoutTail { get; init; } = static () => null;

    /// <summary>Does what the workload manager wants to see instead of the tail.</summary>
    public Func<DebugCommand, CancellationToken, Task<string>> Look { get; init; } = static (_, _) => Task.FromResult("");

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
