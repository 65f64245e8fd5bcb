namespace GridWrapper.Linux;

/// <summary>
/// Small text files, above all those of /proc, read by plain system calls: the class library's way costs a millisecond of start-up, and an exception where
/// there is no file.
/// </summary>
internal static unsafe class TextFile
{
    /// <summary>The whole content as UTF-8; null when it cannot be opened or read.</summary>
    internal static string? Read(string path)
    {
        int fd = Libc.ProbeOpenAt(Libc.AT_FDCWD, path, Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
        if (fd < 0)
        {
            return null;
        }

        byte[] buffer = new byte[4096];
        int length = 0;
        nint n;
        do
        {
            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 4);
            }

            fixed (byte* bytes = buffer)
            {
                n = Libc.Read(fd, bytes + length, buffer.Length - length);
            }

            length += (int)Math.Max(n, 0);
        }
        while (n > 0 || (n < 0 && Errno.Last == Errno.EINTR));
        _ = Libc.Close(fd);
        return n < 0 ? null : Encoding.UTF8.GetString(buffer, 0, length);
    }
}
