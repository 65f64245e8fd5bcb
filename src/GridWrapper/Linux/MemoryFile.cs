using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>Anonymous files in memory (memfd_create(2)), closed on exec.</summary>
internal static unsafe class MemoryFile
{
    /// <exception cref="LinuxException">The node forbids them, or there is no memory for one.</exception>
    /// <param name="name">For /proc.</param>
    /// <param name="content">What it begins with.</param>
    /// <param name="executable">It will be executed.</param>
    /// <param name="otherwiseIn">A directory for a file without a name, where the node refuses memory files; null = fail then.</param>
    internal static SafeFileHandle Create(string name, ReadOnlySpan<byte> content, bool executable = false, string? otherwiseIn = null)
    {
        int fd = Libc.MemfdCreate(name, Libc.MFD_CLOEXEC | (executable ? Libc.MFD_EXEC : 0));
        if (fd < 0 && executable && Errno.Last == Errno.EINVAL)
        {
            fd = Libc.MemfdCreate(name, Libc.MFD_CLOEXEC); // before Linux 6.3 every memory file is executable
        }

        int errno = fd < 0 ? Errno.Last : 0;
        SafeFileHandle handle = errno switch
        {
            0 => new(fd, ownsHandle: true),
            Errno.EPERM or Errno.ENOSYS or Errno.EACCES when otherwiseIn is not null => Nameless(otherwiseIn, name),
            _ => throw new LinuxException("memfd_create", name, errno),
        };
        fixed (byte* bytes = content)
        {
            if (!Pipe.WriteAll((int)handle.DangerousGetHandle(), bytes, content.Length))
            {
                handle.Dispose();
                throw new LinuxException("write", name, Errno.Last);
            }
        }

        return handle;
    }

    private static SafeFileHandle Nameless(string directory, string name)
    {
        string path = Path.Combine(directory, $"{name}-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            SafeFileHandle handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite);
            _ = Libc.Unlink(path);
            return handle;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LinuxException("open", path, Errno.EACCES);
        }
    }

    /// <summary>What is in it, as text; of a long one the end.</summary>
    internal static string Text(SafeFileHandle file, int atMostBytes)
    {
        long length = RandomAccess.GetLength(file);
        byte[] bytes = new byte[(int)Math.Min(length, atMostBytes)];
        int read = RandomAccess.Read(file, bytes, length - bytes.Length);
        return Encoding.UTF8.GetString(bytes, 0, read);
    }
}
