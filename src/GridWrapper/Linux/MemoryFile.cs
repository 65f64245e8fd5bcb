using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>Anonymous files in memory (memfd_create(2)), closed on exec.</summary>
internal static unsafe class MemoryFile
{
    /// <exception cref="LinuxException">The node forbids them, or there is no memory for one.</exception>
    internal static SafeFileHandle Create(string name, ReadOnlySpan<byte> content, bool executable = false)
    {
        int fd = Libc.MemfdCreate(name, Libc.MFD_CLOEXEC | (executable ? Libc.MFD_EXEC : 0));
        if (fd < 0 && executable && Errno.Last == Errno.EINVAL)
        {
            fd = Libc.MemfdCreate(name, Libc.MFD_CLOEXEC); // before Linux 6.3 every memory file is executable
        }

        if (fd < 0)
        {
            throw new LinuxException("memfd_create", name, Errno.Last);
        }

        SafeFileHandle handle = new(fd, ownsHandle: true);
        fixed (byte* bytes = content)
        {
            if (!Pipe.WriteAll(fd, bytes, content.Length))
            {
                handle.Dispose();
                throw new LinuxException("write", name, Errno.Last);
            }
        }

        return handle;
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
