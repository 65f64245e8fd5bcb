using GridWrapper.Diagnostics;
using GridWrapper.Outputs;

namespace GridWrapper.Running;

/// <summary>Failures of a job that are neither its image's nor its payload's. Pure.</summary>
internal static class JobFailure
{
    /// <summary>Null when everything promised is there.</summary>
    internal static Failure? Of(OutputSet outputs) => outputs.Faults.IsEmpty ? null : new Failure
    {
        Blame = outputs.Faults[0].PilotErrorCode is PilotError.StageOutFailed || IsDelivery(outputs.Faults[0]) ? Blame.Site : Blame.User,
        Phase = Phase.Outputs,
        Step = outputs.Faults[0].Step,
        PilotErrorCode = outputs.Faults[0].PilotErrorCode,
        Message = $"the payload succeeded, but {string.Join("; ", outputs.Faults.Select(f => f.Message))}",
        Retryable = IsDelivery(outputs.Faults[0]),
        ExitCode = ExitCodes.OutputMissing,
    };

    /// <summary>The log stayed behind: the workload manager would wait for it for ever.</summary>
    internal static Failure? OfLog(OutputFault? fault) => fault is null ? null : Of(new OutputSet { Faults = [fault] });

    private static bool IsDelivery(OutputFault fault) => fault.Step == Staging.OutputDelivery.Step;

    internal static GridWrapperException MissingInputs(ImmutableArray<string> names, string directory) => new(new Failure
    {
        Blame = Blame.Site,
        Phase = Phase.Job,
        Step = "find-inputs",
        PilotErrorCode = PilotError.MissingInputFile,
        Message = $"the job's inputs {string.Join(", ", names)} are not in {directory}: who runs gridwrap has to stage them in first",
        Retryable = true,
    });

    /// <summary>The workload manager asked for the end where no payload was running that could have ended of it.</summary>
    internal static Failure KilledByServer => new()
    {
        Blame = Blame.Server,
        Phase = Phase.Job,
        Step = "tobekilled",
        PilotErrorCode = PilotError.PandaKill,
        Message = "the workload manager asked for the end of the job (tobekilled) when no payload was running",
        ExitCode = ExitCodes.SignalBase + 15,
    };

    /// <summary>The catalogue that stage-in left is no use.</summary>
    internal static GridWrapperException BadCatalogue(string path, string why) => new(new Failure
    {
        Blame = Blame.Site,
        Phase = Phase.Job,
        Step = "read-catalogue",
        PilotErrorCode = PilotError.MissingInputFile,
        Message = $"{path}, which says where the job's inputs are, cannot be read: {why}",
        Retryable = true,
    });

    internal static Failure WorkDirectory(string directory, Exception e) => new()
    {
        Blame = Blame.Site,
        Phase = Phase.Job,
        Step = "write-files",
        Errno = FileTrouble.ErrnoName(e),
        PilotErrorCode = FileTrouble.ErrnoName(e) is "ENOSPC" or "EDQUOT" ? PilotError.NoLocalSpace : PilotError.Mkdir,
        Message = $"the job directory {directory} or the cache cannot be used: {FileTrouble.Describe(e)}",
        Retryable = true,
        ExitCode = ExitCodes.TryElsewhere,
    };
}
