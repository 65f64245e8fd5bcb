using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Outputs;

namespace GridWrapper.Reporting;

/// <summary>Everything the last update is made of.</summary>
internal sealed record FinalReport
{
    /// <summary>Null when the payload never started.</summary>
    public RunResult? Run { get; init; }

    /// <summary>What went wrong on our side or with what the payload left; null otherwise.</summary>
    public Failure? Failure { get; init; }

    /// <summary>What the payload left that says more than its exit code; null otherwise.</summary>
    public PayloadSign? Sign { get; init; }

    public OutputSet Outputs { get; init; } = new();

    /// <summary>The log tarball, with the job's logGUID; null when there is none.</summary>
    public OutputFile? Log { get; init; }

    /// <summary>Somebody else moves the outputs, and says so when it is done.</summary>
    public bool HandedOver { get; init; }

    /// <summary>How many inputs the job names.</summary>
    public int InputFileCount { get; init; }

    /// <summary>Inputs that came damaged.</summary>
    public ImmutableArray<string> CorruptedInputs { get; init; } = [];

    /// <summary>The text of jobReport.json.</summary>
    public string? JobReport { get; init; }

    public required JobTimings Timings { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>The server asked for the end by `tobekilled`.</summary>
    public bool KilledByServer { get; init; }

    /// <summary>The signal that gridwrap itself received, null if none.</summary>
    public int? SignalReceived { get; init; }

    /// <summary>Events that the payload says to have processed; null where it does not say.</summary>
    public long? Events { get; init; }

    /// <summary>The signal came because the node is taken away.</summary>
    public bool Preempted { get; init; }

    public string? Strategy { get; init; }

    public string? Launcher { get; init; }

    public long? BytesFetched { get; init; }

    /// <summary>Extract for pilot_log, its end is kept.</summary>
    public string? LogExtract { get; init; }
}
