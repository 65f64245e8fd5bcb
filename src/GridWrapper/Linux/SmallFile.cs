namespace GridWrapper.Linux;

/// <summary>
/// Files of /proc and of control groups, read and written with one call each and without allocation: a watch reads hundreds of them, and a write to a control
/// file is one request, not a stream of bytes.
/// </summary>
internal static unsafe class SmallFile
{
    private const int LongestPath = 4096;

    /// <returns>Bytes read, as many as the buffer takes; minus the errno where it cannot be read.</returns>
    internal static int Read(string path, Span<byte> buffer)
    {
        int fd = Open(path, Libc.O_RDONLY);
        if (fd < 0)
        {
            return fd;
        }

        int done = 0;
        fixed (byte* start = buffer)
        {
            while (done < buffer.Length)
            {
                nint count = Libc.Read(fd, start + done, buffer.Length - done);
                if (count < 0 && Errno.Last == Errno.EINTR)
                {
                    continue;
                }

                if (count <= 0)
                {
                    done = count < 0 ? -Errno.Last : done;
                    break;
                }

                done += (int)count;
            }
        }

        _ = Libc.Close(fd);
        return done;
    }

    /// <summary>The whole text without the newline at its end; null where it cannot be read.</summary>
    internal static string? Text(string path)
    {
        byte[] buffer = new byte[8192];
        while (true)
        {
            int length = Read(path, buffer);
            if (length < 0)
            {
                return null;
            }

            if (length < buffer.Length)
            {
                return Encoding.UTF8.GetString(buffer, 0, length).TrimEnd('\n');
            }

            buffer = new byte[buffer.Length * 2];
        }
    }

    /// <summary>Writes the text by one call to a file that is there.</summary>
    /// <returns>0 or the errno.</returns>
    internal static int Write(string path, string text)
    {
        int fd = Open(path, Libc.O_WRONLY);
        if (fd < 0)
        {
            return -fd;
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int errno = 0;
        fixed (byte* start = bytes)
        {
            errno = Libc.Write(fd, start, bytes.Length) < 0 ? Errno.Last : 0;
        }

        _ = Libc.Close(fd);
        return errno;
    }

    private static int Open(string path, int flags)
    {
        byte* name = stackalloc byte[LongestPath];
        if (Encoding.UTF8.GetByteCount(path) >= LongestPath)
        {
            return -Errno.ENAMETOOLONG;
        }

        int length = Encoding.UTF8.GetBytes(path, new Span<byte>(name, LongestPath));
        name[length] = 0;
        int fd = Libc.Open(name, flags | Libc.O_CLOEXEC, 0);
        return fd < 0 ? -Errno.Last : fd;
    }
}
