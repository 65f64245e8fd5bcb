using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Looking at files by bare system calls. Managed file functions fold EIO, ENOTCONN and ELOOP into "does not exist"; here every call answers 0 or its errno.
/// Any of these may block for ever on a broken file system, so they run in a probe child, or where <see cref="LocalPath"/> says that the file system is local.
/// </summary>
internal static unsafe class Touch
{
    /// <summary>Longest content or attribute that is read.</summary>
    internal const int MaxBytes = 64 * 1024;

    internal static int Open(int directory, string path, int flags, out int fd)
    {
        do
        {
            fd = Libc.ProbeOpenAt(directory, path, flags | Libc.O_CLOEXEC, 0);
        }
        while (fd < 0 && Errno.Last == Errno.EINTR);
        return fd < 0 ? Errno.Last : 0;
    }

    internal static int OpenDirectory(int directory, string path, out int fd) => Open(directory, path, Libc.O_RDONLY | Libc.O_DIRECTORY, out fd);

    internal static void Close(int fd) => _ = fd >= 0 ? Libc.Close(fd) : 0;

    internal static int FileSystem(int fd, out Libc.FileSystemStatus status)
    {
        fixed (Libc.FileSystemStatus* place = &status)
        {
            return Libc.ProbeFstatfs(fd, place) < 0 ? Errno.Last : 0;
        }
    }

    internal static int Status(int directory, string path, int flags, out Libc.FileStatus status)
    {
        fixed (Libc.FileStatus* place = &status)
        {
            return Libc.ProbeStatx(directory, path, flags, Libc.FileStatus.BasicStats, place) < 0 ? Errno.Last : 0;
        }
    }

    /// <summary>The text of a symbolic link; EINVAL for anything else.</summary>
    internal static int ReadLink(int directory, string path, out string target)
    {
        byte* buffer = stackalloc byte[4097];
        nint length = Libc.ProbeReadLinkAt(directory, path, buffer, 4097);
        target = length < 0 ? "" : Encoding.UTF8.GetString(buffer, checked((int)length));
        return length < 0 ? Errno.Last : 0;
    }

    /// <summary>An extended attribute of an open file. ERANGE (it grew in between) is tried again.</summary>
    internal static int Attribute(int fd, string name, out string value)
    {
        byte[] buffer = new byte[512];
        while (true)
        {
            nint length;
            fixed (byte* place = buffer)
            {
                length = Libc.ProbeFgetxattr(fd, name, place, (nuint)buffer.Length);
            }

            value = length < 0 ? "" : Encoding.UTF8.GetString(buffer, 0, checked((int)length)).TrimEnd('\n', '\0');
            if (length >= 0 || Errno.Last != Errno.ERANGE || buffer.Length >= MaxBytes)
            {
                return length < 0 ? Errno.Last : 0;
            }

            buffer = new byte[Math.Min(MaxBytes, buffer.Length * 8)];
        }
    }

    /// <summary>Names in the first block of a directory listing, without "." and "..".</summary>
    internal static int List(int fd, out List<string> names)
    {
        const int NameOffset = 19;
        names = [];
        byte[] buffer = new byte[32 * 1024];
        fixed (byte* place = buffer)
        {
            nint length = Libc.GetDirectoryEntries(fd, place, buffer.Length);
            if (length < 0)
            {
                return Errno.Last;
            }

            for (int at = 0; at < length; at += BitConverter.ToUInt16(buffer, at + 16))
            {
                ReadOnlySpan<byte> name = buffer.AsSpan(at + NameOffset);
                string text = Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]);
                if (text is not ("." or ".."))
                {
                    names.Add(text);
                }
            }
        }

        return 0;
    }

    /// <summary>Up to <paramref name="limit"/> bytes from an offset of an open file.</summary>
    internal static int Read(int fd, long offset, int limit, out byte[] content)
    {
        byte[] buffer = new byte[limit];
        int filled = 0;
        while (filled < limit)
        {
            nint count;
            fixed (byte* place = buffer)
            {
                count = Libc.ProbePread(fd, place + filled, (nuint)(limit - filled), offset + filled);
            }

            if (count < 0 && Errno.Last == Errno.EINTR)
            {
                continue;
            }

            if (count < 0)
            {
                content = [];
                return Errno.Last;
            }

            if (count == 0)
            {
                break;
            }

            filled += checked((int)count);
        }

        content = buffer.AsSpan(0, filled).ToArray();
        return 0;
    }

    /// <summary>Opens, reads from the start and closes a file that must not be a symbolic link.</summary>
    internal static int ReadFile(int directory, string path, int limit, out byte[] content)
    {
        content = [];
        int error = Open(directory, path, Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK, out int fd);
        if (error != 0)
        {
            return error;
        }

        error = Read(fd, 0, limit, out content);
        Close(fd);
        return error;
    }
}
