using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>What a path is, after its links were resolved: a directory, a SIF file, a squashfs file, or something else.</summary>
internal static class PathCheck
{
    internal const string DirectoryKind = "directory";
    internal const string SifKind = "sif";
    internal const string SquashfsKind = "squashfs";
    internal const string OtherKind = "other";

    /// <summary>The header of a SIF file begins after a 32-byte launcher line.</summary>
    private static ReadOnlySpan<byte> SifMagic => "SIF_MAGIC"u8;

    private static ReadOnlySpan<byte> SquashfsMagic => "hsqs"u8;

    internal static void Run(string path, string root, ProbeOutput output)
    {
        output.Step("open");
        int error = Touch.OpenDirectory(Libc.AT_FDCWD, "/", out int slash);
        if (error == 0)
        {
            error = new LinkWalk(slash, root).Resolve(path, out string resolved);
            output.Say("path", "/" + resolved);
            error = error != 0 ? error : Look("/" + resolved, output);
            Touch.Close(slash);
        }

        output.SayErrno("errno", error);
    }

    private static int Look(string path, ProbeOutput output)
    {
        int error = Touch.Open(Libc.AT_FDCWD, path, Libc.O_RDONLY | Libc.O_NONBLOCK, out int fd);
        if (error != 0)
        {
            return error;
        }

        error = Touch.Status(fd, "", Libc.AT_EMPTY_PATH, out Libc.FileStatus status);
        if (error == 0 && status.IsDirectory)
        {
            error = Touch.List(fd, out _);
            output.Say("kind", DirectoryKind);
        }
        else if (error == 0)
        {
            error = Kind(fd, status, out string kind);
            output.Say("kind", kind);
            if (error == 0 && kind is SifKind or SquashfsKind)
            {
                ImageFileCheck.Run(fd, kind, status, output);
            }
        }

        Touch.Close(fd);
        return error;
    }

    private static int Kind(int fd, Libc.FileStatus status, out string kind)
    {
        kind = OtherKind;
        if (!status.IsRegular)
        {
            return 0;
        }

        int error = Touch.Read(fd, 0, 48, out byte[] head);
        if (error == 0 && head.Length == 48 && head.AsSpan(32).StartsWith(SifMagic))
        {
            kind = SifKind;
        }
        else if (error == 0 && head.AsSpan().StartsWith(SquashfsMagic))
        {
            kind = SquashfsKind;
        }

        return error;
    }
}
