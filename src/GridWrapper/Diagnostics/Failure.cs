namespace GridWrapper.Diagnostics;

/// <summary>Why the payload could not be run, or why what it left is not good enough. A payload that merely exits non-zero is not a failure of this kind.</summary>
internal sealed record Failure
{
    public required Blame Blame { get; init; }

    public required Phase Phase { get; init; }

    /// <summary>Short stable name of the step, kebab-case, e.g. "fetch-manifest", "mount-overlay".</summary>
    public required string Step { get; init; }

    /// <summary>Symbolic errno such as "EPERM", or null where no system call failed.</summary>
    public string? Errno { get; init; }

    /// <summary>PanDA pilot error code, see <see cref="PilotError"/>.</summary>
    public required int PilotErrorCode { get; init; }

    /// <summary>What was tried, on what, what came back, what to do next. May hold several lines where a document has several faults.</summary>
    public required string Message { get; init; }

    /// <summary>True if the same job may succeed on another node or later.</summary>
    public bool Retryable { get; init; }

    /// <summary>The process exit code this failure leads to, see <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; init; } = ExitCodes.CannotRun;

    /// <summary>A fault of this node while an image is made ready: the same job may run on another.</summary>
    internal static Failure OfNode(string step, int pilotErrorCode, string message) => new()
    {
        Blame = Blame.Site,
        Phase = Phase.Materialise,
        Step = step,
        PilotErrorCode = pilotErrorCode,
        Message = message,
        Retryable = true,
        ExitCode = ExitCodes.TryElsewhere,
    };
}
