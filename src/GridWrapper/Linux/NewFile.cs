using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>
/// A small file made with as few system calls as Linux allows: opened with its final mode, written once, given its time, closed.
/// A second call for the mode is made only where the process's umask took bits away.
/// </summary>
internal readonly unsafe ref struct NewFile
{
    public required SafeFileHandle Directory { get; init; }

    /// <summary>Bytes of the name, the last of them NUL.</summary>
    public required ReadOnlySpan<byte> Name { get; init; }

    public required ReadOnlySpan<byte> Content { get; init; }

    public required uint Mode { get; init; }

    public required FileTime Modified { get; init; }

    /// <summary>0 or the errno of the call that is named.</summary>
    internal int Make(out string call)
    {
        call = "openat";
        int fd;
        fixed (byte* name = Name)
        {
            fd = Libc.OpenAt(Directory, name, Libc.O_WRONLY | Libc.O_CREAT | Libc.O_EXCL | Libc.O_NOFOLLOW | Libc.O_CLOEXEC, Mode);
        }

        if (fd < 0)
        {
            return Errno.Last;
        }

        int errno = Fill(fd, ref call);
        _ = Libc.Close(fd);
        return errno;
    }

    private int Fill(int fd, ref string call)
    {
        fixed (byte* start = Content)
        {
            for (int done = 0; done < Content.Length;)
            {
                nint written = Libc.Write(fd, start + done, Content.Length - done);
                if (written < 0 && Errno.Last != Errno.EINTR)
                {
                    call = "write";
                    return Errno.Last;
                }

                done += (int)Math.Max(written, 0);
            }
        }

        if ((Mode & FileModeMask.Bits) != 0 && Libc.ChangeMode(fd, Mode) != 0)
        {
            call = "fchmod";
            return Errno.Last;
        }

        call = "futimens";
        long* times = stackalloc long[4] { Modified.Seconds, Modified.Nanoseconds, Modified.Seconds, Modified.Nanoseconds };
        return Libc.SetTimes(fd, times) == 0 ? 0 : Errno.Last;
    }
}
