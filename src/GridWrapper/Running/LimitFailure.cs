using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Watching;

namespace GridWrapper.Running;

/// <summary>A payload that was ended for a limit, as a failure with the pilot's code for it. Pure.</summary>
internal static class LimitFailure
{
    /// <summary>Codes of payloads that hide that they were ended, or that the pilot reads as something else.</summary>
    private static readonly ImmutableArray<int> Unsuitable = [0, 2, 3, 251, 255];

    /// <summary>Null where no limit ended it.</summary>
    /// <param name="result">How the payload ended.</param>
    /// <param name="timeout">The wall-clock limit.</param>
    internal static Failure? Of(RunResult result, TimeSpan? timeout)
    {
        if (result.StopReason == StopReason.Timeout)
        {
            string limit = timeout is { } span ? string.Create(CultureInfo.InvariantCulture, $"; {span.TotalSeconds:0.#} s were allowed") : "";
            return User(result, "limit-wall", PilotError.ReachedMaxTime, string.Create(CultureInfo.InvariantCulture, $"the payload ran for {result.WallSeconds:0.#} s and was stopped{limit}"));
        }

        if (result.Breach is not { } breach)
        {
            return null;
        }

        (string step, int code) = breach.Kind switch
        {
            LimitKind.Memory => ("limit-memory", breach.ByKernel ? PilotError.PayloadOutOfMemory : PilotError.PayloadExceedMaxMem),
            LimitKind.Cpu => ("limit-cpu", PilotError.ReachedMaxTime),
            LimitKind.Disk => ("limit-disk", PilotError.UserDirectoryTooLarge),
            LimitKind.OutputFile => ("limit-output-file", PilotError.OutputFileTooLarge),
            LimitKind.Stdout => ("limit-stdout", PilotError.StdoutTooBig),
            LimitKind.Processes => ("limit-processes", PilotError.ResourceUnavailable),
            LimitKind.Looping => ("looping", PilotError.LoopingJob),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
        return User(result, step, code, breach.Message);
    }

    private static Failure User(RunResult result, string step, int code, string message) => new()
    {
        Blame = Blame.User,
        Phase = Phase.Payload,
        Step = step,
        PilotErrorCode = code,
        Message = message,
        ExitCode = Unsuitable.Contains(result.ExitCode) ? ExitCodes.SignalBase + Linux.Libc.SIGTERM : result.ExitCode,
    };
}
