namespace GridWrapper.Diagnostics;

/// <summary>Stops what gridwrap is doing, for the reason in <see cref="Failure"/>. Caught by the fallback loop and by Program only.</summary>
internal sealed class GridWrapperException : Exception
{
    internal GridWrapperException(Failure failure, Exception? inner = null)
        : base(failure.Message, inner) => Failure = failure;

    internal Failure Failure { get; }

    /// <summary>A fault in a document or on the command line: exit 64, blame user unless said otherwise.</summary>
    internal static GridWrapperException BadInput(string step, string message, int pilotErrorCode = PilotError.UnrecognizedTrfArguments, Blame blame = Blame.User) =>
        new(new Failure
        {
            Blame = blame,
            Phase = Phase.Job,
            Step = step,
            PilotErrorCode = pilotErrorCode,
            Message = message,
            ExitCode = ExitCodes.Usage,
        });

    /// <summary>A fault of the command line: exit 64, step command-line.</summary>
    internal static GridWrapperException BadCommandLine(string message) => BadInput("command-line", $"the command line is wrong: {message}");
}
