using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;
using GridWrapper.Reporting;

namespace GridWrapper.Running;

/// <summary>Everything that is known at the end of a job, whether it ran or not. The result document, the job report and the last update are made from it.</summary>
internal sealed record JobOutcome
{
    /// <summary>Null where the job definition could not be read.</summary>
    public JobRequest? Job { get; init; }

    public long? PandaId { get; init; }

    public int? Attempt { get; init; }

    /// <summary>Null where it did not come to a plan.</summary>
    public ImageOutcome? Image { get; init; }

    public OutputSet Outputs { get; init; } = new();

    /// <summary>The log tarball, where one was made.</summary>
    public OutputFile? Log { get; init; }

    /// <summary>What stopped the job or spoiled its end; null for a job that ran, whatever its payload returned.</summary>
    public Failure? Failure { get; init; }

    /// <summary>Why the payload ended badly, as far as it can be seen from what it left.</summary>
    public PayloadSign? Sign { get; init; }

    /// <summary>Harvester moves the outputs from here on.</summary>
    public bool HandedOver { get; init; }

    public ReportingState? Reporting { get; init; }

    public required Timings Timings { get; init; }
}

/// <summary>How far the workload manager knows.</summary>
/// <param name="Server">Its address.</param>
/// <param name="LastState">Last state that it accepted, null if none.</param>
/// <param name="Updates">Updates that it accepted.</param>
/// <param name="Pending">Updates left in the spool.</param>
internal sealed record ReportingState(string Server, string? LastState, int Updates, int Pending);
