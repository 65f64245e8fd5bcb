using GridWrapper.Diagnostics;
using GridWrapper.Images;

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
        string? errno = FileTrouble.ErrnoName(inner);
        bool full = CacheRoom.IsFull(inner);
        string advice = full ? "free space there or choose another place with --cache" : "check the file system, or choose another place with --cache";
        return new GridWrapperException(
            Failure.OfNode(
                UnpackStep,
                full ? PilotError.NoLocalSpace : PilotError.ContainerGeneralFailure,
                $"{doing} in the cache {cache} failed: {inner.Message}; {advice}") with { Errno = errno },
            inner);
    }

    internal static GridWrapperException NoZstd(Digest blob, Exception inner) => new(
        Failure.OfNode(
            UnpackStep,
            PilotError.ContainerGeneralFailure,
            $"layer {blob} is compressed with zstd and this node has no libzstd.so.1; install the package libzstd (libzstd1), or push the image with gzip layers"),
        inner);

    internal static GridWrapperException Busy(string what, TimeoutException inner) => new(
        Failure.OfNode(
            "wait-for-lock",
            PilotError.CommandTimedOut,
            $"another process on this node is making {what} and did not finish: {inner.Message}; look for a stuck gridwrap of the same user"),
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
