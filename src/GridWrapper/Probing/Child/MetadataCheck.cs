using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>What an image repository remembers of an image for times when its registry does not answer: the re-written manifest, and the configuration where it is kept.</summary>
internal static class MetadataCheck
{
    /// <param name="top">Absolute path of the repository, or of the directory of it that holds the images.</param>
    /// <param name="names">Public names as in <see cref="CvmfsNames"/>.</param>
    internal static void Manifest(string top, ReadOnlySpan<string> names, ProbeOutput output)
    {
        output.Step("open");
        int error = Touch.OpenDirectory(Libc.AT_FDCWD, top, out int fd);
        output.SayErrno("open.errno", error);
        foreach (string name in error == 0 ? names : [])
        {
            output.Step("manifest");
            error = Touch.ReadFile(fd, $".metadata/{name}/manifest.json", Touch.MaxBytes, out byte[] manifest);
            if (error == 0)
            {
                output.Say("name", name);
                output.Say("manifest", Encoding.UTF8.GetString(manifest));
                break;
            }

            if (error is not (Errno.ENOENT or Errno.ENOTDIR))
            {
                output.SayErrno("manifest.errno", error);
            }
        }

        Touch.Close(fd);
    }

    /// <summary>The image's own configuration, byte for byte, which only some repositories keep; its digest proves it.</summary>
    internal static void Configuration(string top, string imageId, ProbeOutput output)
    {
        output.Step("open");
        string file = Convert.ToBase64String(Encoding.ASCII.GetBytes("sha256:" + imageId));
        int error = Touch.ReadFile(Libc.AT_FDCWD, $"{top}/podmanStore/overlay-images/{imageId}/={file}", Touch.MaxBytes, out byte[] content);
        output.SayErrno("errno", error);
        output.Say("config", Encoding.UTF8.GetString(content));
    }
}
