using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>Free space for this user at a path, or at its nearest existing ancestor.</summary>
internal static class SpaceCheck
{
    internal static void Run(string path, ProbeOutput output)
    {
        output.Step("open");
        int error = OpenNearest(path, out int fd);
        output.SayErrno("errno", error);
        if (error != 0)
        {
            return;
        }

        output.Step("statfs");
        error = Touch.FileSystem(fd, out Libc.FileSystemStatus status);
        Touch.Close(fd);
        output.SayErrno("errno", error);
        long blockSize = status.FragmentSize > 0 ? status.FragmentSize : status.BlockSize;
        output.Say("free.bytes", (long)Math.Min(long.MaxValue, (decimal)status.BlocksAvailable * blockSize));
        // 0 inodes in all: a file system that makes them as needed.
        output.Say("free.inodes", status.Files == 0 ? long.MaxValue : (long)Math.Min(status.FilesFree, long.MaxValue));
    }

    private static int OpenNearest(string path, out int fd)
    {
        while (true)
        {
            int error = Touch.Open(Libc.AT_FDCWD, path, Libc.O_PATH | Libc.O_DIRECTORY, out fd);
            if (error is not (Errno.ENOENT or Errno.ENOTDIR) || Path.GetDirectoryName(path) is not { Length: > 0 } parent)
            {
                return error;
            }

            path = parent;
        }
    }
}
