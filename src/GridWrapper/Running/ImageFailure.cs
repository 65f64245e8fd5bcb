using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Serving;

namespace GridWrapper.Running;

/// <summary>A payload that failed after parts of its image could not be had any more: no fault of its own. Pure.</summary>
internal static class ImageFailure
{
    /// <summary>Null where the payload succeeded all the same, or nothing was refused to it.</summary>
    internal static Failure? Of(RunResult result, LazyTrouble? trouble) => result.ExitCode == 0 || trouble is not { FailedReads: > 0 } ? null : new Failure
    {
        Blame = Blame.Registry,
        Phase = Phase.Payload,
        Step = "read-image",
        Errno = "EIO",
        PilotErrorCode = PilotError.ContainerGeneralFailure,
        Message = string.Create(
            CultureInfo.InvariantCulture,
            $"the payload failed (exit code {result.ExitCode}) after {trouble.FailedReads} of its reads from the image were answered with an error: {trouble.What}; the longest wait was {trouble.Waited.TotalSeconds:0} s"),
        Retryable = true,
        ExitCode = result.ExitCode,
    };
}
