using GridWrapper.Diagnostics;
using GridWrapper.Layers;

namespace GridWrapper.Strategies;

/// <summary>What stops a root filesystem from being put together from CVMFS and other sources.</summary>
internal static class HybridFault
{
    /// <summary>The registry is needed after all, and its word on the image was not to be had.</summary>
    internal static GridWrapperException NothingToPullWith(ImmutableArray<string> notes) => Fault(
        "choose-sources",
        PilotError.CvmfsNotAlive,
        $"layers have to be fetched, but the registry does not answer and CVMFS does not hold them completely{Notes(notes)}");

    internal static GridWrapperException Storage(string path, Exception inner) => new(
        new Failure
        {
            Blame = Blame.Site,
            Phase = Phase.Materialise,
            Step = "make-shims",
            Errno = FileTrouble.ErrnoName(inner),
            PilotErrorCode = CacheRoom.IsFull(inner) ? PilotError.NoLocalSpace : PilotError.ContainerGeneralFailure,
            Message = $"the directories that correct layers of CVMFS could not be made in {path}: {inner.Message}. A cache on a local disk (ext4, xfs) takes them",
            Retryable = true,
        },
        inner);

    internal static GridWrapperException CannotStack(string reason) => Fault(
        "stack-layers",
        PilotError.ContainerGeneralFailure,
        $"the image's layers cannot be stacked with those of CVMFS: {reason}; another way of getting the image is needed");

    private static GridWrapperException Fault(string step, int code, string message) => new(new Failure
    {
        Blame = Blame.Cvmfs,
        Phase = Phase.Materialise,
        Step = step,
        PilotErrorCode = code,
        Message = message,
        Retryable = true,
    });

    private static string Notes(ImmutableArray<string> notes) => notes.IsEmpty ? "" : $" ({string.Join("; ", notes)})";
}
