using GridWrapper.Diagnostics;

namespace GridWrapper.Registries;

/// <summary>Failures of images that lie on this node as files.</summary>
internal static class LocalFault
{
    internal static GridWrapperException NoSuchFile(string path, string what, Exception? inner = null) =>
        Make(Blame.User, PilotError.NoSuchFile, $"the image {path} {what}; check the path given as image", inner);

    internal static GridWrapperException Bad(string path, string what, Exception? inner = null) =>
        Make(Blame.Image, PilotError.ContainerImageMountFailure, $"the image {path} cannot be used: {what}; make it again (for example with 'skopeo copy')", inner);

    internal static GridWrapperException WrongBytes(string path, string what) =>
        Make(Blame.Image, PilotError.ContainerImageMountFailure, $"the image {path} is damaged: {what}; nothing of that blob was kept. Make the image again", null);

    internal static GridWrapperException OnCvmfs(string path, string root) =>
        Make(Blame.User, PilotError.ImageNotFound, $"the image {path} is an archive or layout below {root}, which is not read by gridwrap itself; give the unpacked directory there, or copy the archive to local disk", null);

    internal static GridWrapperException Changed(string image) =>
        Make(Blame.User, PilotError.ContainerImageMountFailure, $"the image {image} was changed while the job was being prepared; run it again when nobody writes to it", null);

    private static GridWrapperException Make(Blame blame, int pilotErrorCode, string message, Exception? inner) => new(
        new Failure { Blame = blame, Phase = Phase.Resolve, Step = "read-local-image", PilotErrorCode = pilotErrorCode, Message = message },
        inner);
}
