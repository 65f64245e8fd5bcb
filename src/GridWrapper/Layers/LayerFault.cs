using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>Failures while layers are fetched, unpacked and put together, with their blame.</summary>
internal static class LayerFault
{
    internal const string UnpackStep = "unpack-layer";

    /// <summary>The bytes are the registry's, verified, and yet no usable layer: the image itself is bad, everywhere.</summary>
    internal static GridWrapperException BadLayer(Digest blob, string what, Exception? inner = null) => new(
        new Failure
        {
            Blame = Blame.Image,
            Phase = Phase.Materialise,
            Step = UnpackStep,
            PilotErrorCode = PilotError.ContainerImageMountFailure,
            Message = $"layer {blob} cannot be unpacked: {what}; the image has to be built and pushed again",
        },
        inner);

    /// <summary>The cache's file system, or the node, refused.</summary>
    internal static GridWrapperException Storage(string doing, string cache, IOException inner)
    {
        string? errno = (inner as LinuxException)?.ErrnoName;
        bool full = inner is LinuxException { Errno: Errno.ENOSPC or Errno.EDQUOT } || (inner is not LinuxException && (inner.HResult & 0xFFFF) == Errno.ENOSPC);
        string advice = full ? "free space there or choose another place with --cache" : "check the file system, or choose another place with --cache";
        return new GridWrapperException(
            new Failure
            {
                Blame = Blame.Site,
                Phase = Phase.Materialise,
                Step = UnpackStep,
                Errno = errno,
                PilotErrorCode = full ? PilotError.NoLocalSpace : PilotError.ContainerGeneralFailure,
                Message = $"{doing} in the cache {cache} failed: {inner.Message}; {advice}",
                Retryable = true,
                ExitCode = ExitCodes.TryElsewhere,
            },
            inner);
    }

    /// <summary>Found before anything was fetched.</summary>
    internal static GridWrapperException NoRoom(string cache, double neededBytes, long freeBytes) => new(new Failure
    {
        Blame = Blame.Site,
        Phase = Phase.Materialise,
        Step = "make-room",
        Errno = "ENOSPC",
        PilotErrorCode = PilotError.NoLocalSpace,
        Message = string.Create(CultureInfo.InvariantCulture, $"the missing layers need about {neededBytes / 1e6:0} MB unpacked, the cache {cache} has {freeBytes / 1e6:0} MB free after everything that nobody uses was removed; ")
            + "free space there or choose another place with --cache",
        Retryable = true,
        ExitCode = ExitCodes.TryElsewhere,
    });

    /// <summary>Locks on NFS hang or lie when server and client do not agree, and every other job would wait.</summary>
    internal static GridWrapperException OnNfs(string cache, string fileSystem) => new(new Failure
    {
        Blame = Blame.Site,
        Phase = Phase.Materialise,
        Step = "prepare-cache",
        PilotErrorCode = PilotError.ContainerGeneralFailure,
        Message = $"the cache {cache} lies on {fileSystem}, where locks between jobs cannot be relied on; choose a directory on local disk with --cache, GRIDWRAP_CACHE or the profile's cache.directory",
        ExitCode = ExitCodes.TryElsewhere,
    });

    internal static GridWrapperException NoZstd(Digest blob, Exception inner) => new(
        new Failure
        {
            Blame = Blame.Site,
            Phase = Phase.Materialise,
            Step = UnpackStep,
            PilotErrorCode = PilotError.ContainerGeneralFailure,
            Message = $"layer {blob} is compressed with zstd and this node has no libzstd.so.1; install the package libzstd (libzstd1), or push the image with gzip layers",
            Retryable = true,
            ExitCode = ExitCodes.TryElsewhere,
        },
        inner);

    internal static GridWrapperException Busy(string what, TimeoutException inner) => new(
        new Failure
        {
            Blame = Blame.Site,
            Phase = Phase.Materialise,
            Step = "wait-for-lock",
            PilotErrorCode = PilotError.CommandTimedOut,
            Message = $"another process on this node is making {what} and did not finish: {inner.Message}; look for a stuck gridwrap of the same user",
            Retryable = true,
            ExitCode = ExitCodes.TryElsewhere,
        },
        inner);

    /// <summary>The transfer of a blob broke again and again.</summary>
    internal static GridWrapperException Broken(Digest blob, int tries, TransferBrokenException inner) => new(
        new Failure
        {
            Blame = Blame.Registry,
            Phase = Phase.Materialise,
            Step = "fetch-blob",
            PilotErrorCode = PilotError.ContainerGeneralFailure,
            Message = $"the transfer of {blob} broke {tries} times, last: {inner.Message}; the registry or the network in between is not well, try again later",
            Retryable = true,
        },
        inner);
}
