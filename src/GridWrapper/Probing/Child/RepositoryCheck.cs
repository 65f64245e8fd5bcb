using System.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Looks at one repository in the order in which trouble shows: open as a directory (which makes autofs mount it; a plain stat would not), file system type,
/// identity by magic attributes, listing, one small file, and the error counter again. The verdict is drawn by <see cref="CvmfsStates"/>.
/// </summary>
internal static class RepositoryCheck
{
    private static readonly string[] AttributeNames =
    [
        "revision", "root_hash", "version", "host", "proxy", "timeout", "expires", "nioerr", "timestamp_last_ioerr",
        "ncleanup24", "usedfd", "maxfd", "nclg", "pid",
    ];

    private static readonly string[] Sentinels = [".cvmfsdirtab", "logDir/lastUpdate"];

    internal static void Run(string root, string name, ProbeOutput output)
    {
        output.Step("root");
        int error = Touch.OpenDirectory(Libc.AT_FDCWD, root, out int rootFd);
        output.SayErrno("root.errno", error);
        if (error != 0)
        {
            return;
        }

        if (Touch.FileSystem(rootFd, out Libc.FileSystemStatus rootStatus) == 0)
        {
            output.Say("root.type", rootStatus.Type);
        }

        output.Step("open");
        long start = Stopwatch.GetTimestamp();
        error = Touch.OpenDirectory(rootFd, name, out int fd);
        if (error == ESTALE)
        {
            error = Touch.OpenDirectory(rootFd, name, out fd);
        }

        output.Say("open.milliseconds", (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        output.SayErrno("open.errno", error);
        Touch.Close(rootFd);
        if (error == 0)
        {
            LookInside(fd, output);
            Touch.Close(fd);
        }
    }

    /// <summary>"catalog just changed": worth one more try.</summary>
    private const int ESTALE = 116;

    private static void LookInside(int fd, ProbeOutput output)
    {
        output.Step("statfs");
        int error = Touch.FileSystem(fd, out Libc.FileSystemStatus status);
        output.SayErrno("statfs.errno", error);
        if (error != 0)
        {
            return;
        }

        output.Say("statfs.type", status.Type);
        bool fuse = status.Type == Libc.FuseMagic;
        if (fuse)
        {
            output.Say("statfs.free", (long)Math.Min(status.BlocksAvailable, long.MaxValue / 65536) * Math.Clamp(status.BlockSize, 0, 65536));
            output.Step("identify");
            error = Touch.Attribute(fd, "user.fqrn", out string fqrn);
            output.SayErrno("fqrn.errno", error);
            output.Say("fqrn", fqrn);
            SayAttributes(fd, output);
        }

        output.Step("list");
        error = Touch.List(fd, out List<string> names);
        output.SayErrno("list.errno", error);
        output.Say("list.count", names.Count);
        if (error == 0)
        {
            ReadSentinel(fd, output);
        }

        if (fuse && Touch.Attribute(fd, "user.nioerr", out string later) == 0)
        {
            output.Say("again.nioerr", later);
        }
    }

    private static void SayAttributes(int fd, ProbeOutput output)
    {
        foreach (string name in AttributeNames)
        {
            if (Touch.Attribute(fd, "user." + name, out string value) == 0)
            {
                output.Say("attribute." + name, value);
            }
        }
    }

    private static void ReadSentinel(int fd, ProbeOutput output)
    {
        output.Step("sentinel");
        foreach (string sentinel in Sentinels)
        {
            int error = Touch.ReadFile(fd, sentinel, 128, out byte[] content);
            if (error is Errno.ENOENT or Errno.ENOTDIR)
            {
                continue;
            }

            output.Say("sentinel.path", sentinel);
            output.SayErrno("sentinel.errno", error);
            output.Say("sentinel.text", Encoding.UTF8.GetString(content));
            return;
        }
    }
}
