using GridWrapper.Diagnostics;

namespace GridWrapper.Layers;

/// <summary>Failures with images that are one file.</summary>
internal static class ImageFileFault
{
    internal const string UnpackStep = "unpack-image";

    /// <summary>The file is no good image, everywhere.</summary>
    internal static GridWrapperException Bad(string path, string what, Exception? inner = null) => new(
        new Failure
        {
            Blame = Blame.Image,
            Phase = Phase.Materialise,
            Step = UnpackStep,
            PilotErrorCode = PilotError.ContainerImageMountFailure,
            Message = $"the image {path} cannot be unpacked: {what.TrimEnd('.')}; copy it anew from where it was made, or build it again",
        },
        inner);

    /// <summary>The file was there when the plan was made.</summary>
    internal static GridWrapperException Unreadable(string path, Exception inner) => new(
        Failure.OfNode(
            "read-image",
            PilotError.ContainerImageMountFailure,
            $"reading the image {path} failed: {inner.Message}; check the file and the file system that it lies on") with { Errno = (inner as Linux.LinuxException)?.ErrnoName },
        inner);
}
