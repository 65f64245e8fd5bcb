using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Serving;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>What became of a request to run something in an image.</summary>
internal sealed record ImageOutcome
{
    public required PlanInput Input { get; init; }

    public required RunPlan Plan { get; init; }

    public ImmutableArray<Attempt> Attempts { get; init; } = [];

    /// <summary>The root filesystem that ran, null if none came to be.</summary>
    public Rootfs? Rootfs { get; init; }

    /// <summary>What the check of the image against the node found; empty where it was not made.</summary>
    public ImmutableArray<Finding> Findings { get; init; } = [];

    /// <summary>The payload's end, null if it never started.</summary>
    public RunResult? Result { get; init; }

    /// <summary>What the payload felt of an image that came while it ran; null for nothing.</summary>
    public LazyTrouble? Trouble { get; init; }

    /// <summary>Why the payload never started, null if it did.</summary>
    public Failure? Failure { get; init; }

    public Timings Timings { get; init; } = new();
}
