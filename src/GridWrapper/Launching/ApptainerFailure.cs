using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>Why a runtime did not start the payload, with blame and code. Pure.</summary>
internal static class ApptainerFailure
{
    internal static Failure CannotStart(LaunchSpec spec, LinuxException e) =>
        Problem("start-runtime", PilotError.ApptainerNotInstalled, $"{spec.Argv[0]} could not be started in {spec.WorkingDirectory}: {e.ErrnoName}; check apptainer.programs of the site profile") with { Errno = e.ErrnoName };

    internal static Failure Hung(LaunchSpec spec, TimeSpan deadline) => Problem(
        "set-up",
        PilotError.ContainerGeneralFailure,
        $"{spec.Argv[0]} had not started the payload after {deadline.TotalSeconds} s and was killed; see whether a bind or the root filesystem hangs") with { Errno = "ETIMEDOUT" };

    /// <param name="spec">What was launched.</param>
    /// <param name="exitCode">Of the runtime.</param>
    /// <param name="failed">What its messages say.</param>
    internal static Failure NotStarted(LaunchSpec spec, int exitCode, ApptainerEnd.Failed failed)
    {
        Failure failure = Problem(
            failed.Step,
            failed.PilotErrorCode,
            string.Create(CultureInfo.InvariantCulture, $"{spec.Argv[0]} ended with {exitCode} before the payload started: {failed.Text}; {failed.Advice}")) with { Errno = failed.Errno };
        return failed.Blame == Blame.Site ? failure : failure with { Blame = failed.Blame, Retryable = false, ExitCode = ExitCodes.CannotRun };
    }

    private static Failure Problem(string step, int pilotErrorCode, string message) => new()
    {
        Blame = Blame.Site,
        Phase = Phase.Launch,
        Step = step,
        PilotErrorCode = pilotErrorCode,
        Message = message,
        Retryable = true,
        ExitCode = ExitCodes.TryElsewhere,
    };
}
