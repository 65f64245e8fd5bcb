using GridWrapper.Linux;
using GridWrapper.Squashfs;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Probing;

/// <summary>Copies what tells what an image is out of its squashfs: its scripts, users, and that it has a shell.</summary>
internal static class ImageLookCheck
{
    private static readonly string[] Wanted = [".singularity.d", "etc/passwd", "etc/group", "bin/sh*"];

    /// <param name="path">Of the image file.</param>
    /// <param name="part">Where its squashfs begins, and its length.</param>
    /// <param name="target">An empty directory.</param>
    /// <param name="output">Says "fault" where it did not work.</param>
    internal static void Run(string path, ReadOnlySpan<string> part, string target, ProbeOutput output)
    {
        output.Step("open");
        int error = Touch.Open(Libc.AT_FDCWD, path, Libc.O_RDONLY | Libc.O_NONBLOCK, out int fd);
        if (error != 0)
        {
            output.SayErrno("fault", error);
            return;
        }

        try
        {
            using SafeFileHandle file = new(fd, ownsHandle: true);
            var bytes = new ImageBytes.OfFile(file, long.Parse(part[0], CultureInfo.InvariantCulture), long.Parse(part[1], CultureInfo.InvariantCulture));
            output.Step("look");
            new SquashfsLookup(SquashfsImage.Open(bytes)).Copy(target, Wanted);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or DllNotFoundException)
        {
            output.Say("fault", e.Message);
        }
    }
}
