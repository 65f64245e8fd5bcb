using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>
/// The *at() family on byte names: one name below one directory descriptor, never a path that the kernel would walk by itself.
/// Every call answers 0 or the errno; what an errno means is for the caller to say.
/// </summary>
internal static unsafe class At
{
    private const int EntryHeaderBytes = 19;

    /// <summary>Opens a directory of this node by its path.</summary>
    internal static SafeFileHandle OpenDirectory(string path)
    {
        using var strings = new NativeStrings();
        int fd = Libc.Open(strings.Add(path), Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw new LinuxException("open", path, Errno.Last);
    }

    /// <summary>Makes a directory for this user alone, and what is missing above it. One that is there is left as it is.</summary>
    internal static void MakePrivateDirectory(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using SafeFileHandle parent = OpenDirectory(Path.GetDirectoryName(path)!);
        int errno = MakeDirectory(parent, Encoding.UTF8.GetBytes(Path.GetFileName(path)), 0x1C0);
        if (errno is not (0 or Errno.EEXIST))
        {
            throw new LinuxException("mkdirat", path, errno);
        }
    }

    internal static int Open(SafeFileHandle directory, ReadOnlySpan<byte> name, int flags, uint mode, out SafeFileHandle? file)
    {
        fixed (byte* text = Terminated(name))
        {
            int fd = Libc.OpenAt(directory, text, flags | Libc.O_CLOEXEC, mode);
            int errno = fd < 0 ? Errno.Last : 0;
            file = fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
            return errno;
        }
    }

    /// <summary>Opens a subdirectory, refusing to follow a symbolic link (ENOTDIR or ELOOP).</summary>
    internal static int OpenSubdirectory(SafeFileHandle directory, ReadOnlySpan<byte> name, out SafeFileHandle? sub) =>
        Open(directory, name, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, 0, out sub);

    internal static int MakeDirectory(SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode)
    {
        fixed (byte* text = Terminated(name))
        {
            return Result(Libc.MakeDirectoryAt(directory, text, mode));
        }
    }

    internal static int MakeNode(SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode)
    {
        fixed (byte* text = Terminated(name))
        {
            return Result(Libc.MakeNodeAt(directory, text, mode, 0));
        }
    }

    internal static int Symlink(ReadOnlySpan<byte> target, SafeFileHandle directory, ReadOnlySpan<byte> name)
    {
        fixed (byte* text = Terminated(name), to = Terminated(target))
        {
            return Result(Libc.SymlinkAt(to, directory, text));
        }
    }

    /// <summary>Hard link; a symbolic link is linked itself, never what it points to.</summary>
    internal static int Link(SafeFileHandle oldDirectory, ReadOnlySpan<byte> oldName, SafeFileHandle newDirectory, ReadOnlySpan<byte> newName)
    {
        fixed (byte* from = Terminated(oldName), to = Terminated(newName))
        {
            return Result(Libc.LinkAt(oldDirectory, from, newDirectory, to, 0));
        }
    }

    internal static int Unlink(SafeFileHandle directory, ReadOnlySpan<byte> name, bool isDirectory)
    {
        fixed (byte* text = Terminated(name))
        {
            return Result(Libc.UnlinkAt(directory, text, isDirectory ? Libc.AT_REMOVEDIR : 0));
        }
    }

    internal static int Rename(SafeFileHandle oldDirectory, ReadOnlySpan<byte> oldName, SafeFileHandle newDirectory, ReadOnlySpan<byte> newName)
    {
        fixed (byte* from = Terminated(oldName), to = Terminated(newName))
        {
            return Result(Libc.RenameAt(oldDirectory, from, newDirectory, to));
        }
    }

    internal static int ReadLink(SafeFileHandle directory, ReadOnlySpan<byte> name, out byte[] target)
    {
        byte* buffer = stackalloc byte[4096];
        fixed (byte* text = Terminated(name))
        {
            nint length = Libc.ReadLinkAt(directory, text, buffer, 4096);
            int errno = length < 0 ? Errno.Last : 0;
            target = length < 0 ? [] : new ReadOnlySpan<byte>(buffer, (int)length).ToArray();
            return errno;
        }
    }

    /// <summary>The file itself, links not followed. An empty name means the directory descriptor's own file.</summary>
    internal static int Stat(SafeFileHandle directory, ReadOnlySpan<byte> name, out FileStat stat)
    {
        byte* buffer = stackalloc byte[256];
        fixed (byte* text = Terminated(name))
        {
            int flags = Libc.AT_SYMLINK_NOFOLLOW | (name.IsEmpty ? Libc.AT_EMPTY_PATH : 0);
            if (Libc.Statx(directory, text, flags, Libc.StatxBasic, buffer) != 0)
            {
                stat = default;
                return Errno.Last;
            }
        }

        stat = Decode(new ReadOnlySpan<byte>(buffer, 256));
        return 0;
    }

    /// <summary>Sets the modification time of a name without following a link; the access time is set to the same.</summary>
    internal static int SetTimes(SafeFileHandle directory, ReadOnlySpan<byte> name, FileTime time)
    {
        long* times = stackalloc long[4] { time.Seconds, time.Nanoseconds, time.Seconds, time.Nanoseconds };
        fixed (byte* text = Terminated(name))
        {
            return Result(Libc.SetTimesAt(directory, text, times, Libc.AT_SYMLINK_NOFOLLOW));
        }
    }

    internal static int SetTimes(SafeFileHandle file, FileTime time)
    {
        long* times = stackalloc long[4] { time.Seconds, time.Nanoseconds, time.Seconds, time.Nanoseconds };
        return Result(Libc.SetTimes(file, times));
    }

    internal static int SetXattr(SafeFileHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* text = Terminated(name), bytes = value)
        {
            return Result(Libc.SetXattr(file, text, bytes, (nuint)value.Length, 0));
        }
    }

    /// <summary>True if the attribute is there with a value of at least one byte.</summary>
    internal static bool HasXattr(SafeFileHandle file, ReadOnlySpan<byte> name)
    {
        byte* value = stackalloc byte[16];
        fixed (byte* text = Terminated(name))
        {
            return Libc.GetXattr(file, text, value, 16) > 0;
        }
    }

    /// <summary>Writes all bytes at an offset.</summary>
    internal static int WriteAll(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        fixed (byte* start = bytes)
        {
            int done = 0;
            while (done < bytes.Length)
            {
                nint written = Libc.WriteAt(file, start + done, bytes.Length - done, offset + done);
                if (written < 0 && Errno.Last != Errno.EINTR)
                {
                    return Errno.Last;
                }

                done += (int)Math.Max(written, 0);
            }
        }

        return 0;
    }

    /// <summary>The names in an open directory, without "." and "..", in the file system's order.</summary>
    internal static List<byte[]> Names(SafeFileHandle directory)
    {
        int errno = Open(directory, "."u8, Libc.O_RDONLY | Libc.O_DIRECTORY, 0, out SafeFileHandle? fresh);
        using SafeFileHandle listing = fresh ?? throw new LinuxException("open", ".", errno);
        var names = new List<byte[]>();
        byte[] buffer = new byte[32768];
        fixed (byte* start = buffer)
        {
            while (true)
            {
                nint length = Libc.Syscall(GetDents64, listing.DangerousGetHandle(), (nint)start, buffer.Length, 0, 0);
                if (length <= 0)
                {
                    return length == 0 ? names : throw new LinuxException("getdents64", "directory", Errno.Last);
                }

                Collect(buffer.AsSpan(0, (int)length), names);
            }
        }
    }

    private static nint GetDents64 => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217;

    private static void Collect(ReadOnlySpan<byte> block, List<byte[]> names)
    {
        while (!block.IsEmpty)
        {
            ushort length = BinaryPrimitives.ReadUInt16LittleEndian(block[16..]);
            ReadOnlySpan<byte> name = block[EntryHeaderBytes..length];
            name = name[..name.IndexOf((byte)0)];
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                names.Add(name.ToArray());
            }

            block = block[length..];
        }
    }

    /// <summary>struct statx; the same layout on every architecture.</summary>
    private static FileStat Decode(ReadOnlySpan<byte> raw) => new()
    {
        Mode = BinaryPrimitives.ReadUInt16LittleEndian(raw[28..]),
        Uid = BinaryPrimitives.ReadUInt32LittleEndian(raw[20..]),
        Inode = BinaryPrimitives.ReadUInt64LittleEndian(raw[32..]),
        Size = BinaryPrimitives.ReadInt64LittleEndian(raw[40..]),
        AllocatedBytes = BinaryPrimitives.ReadInt64LittleEndian(raw[48..]) * 512,
        Modified = new FileTime(BinaryPrimitives.ReadInt64LittleEndian(raw[112..]), BinaryPrimitives.ReadUInt32LittleEndian(raw[120..])),
        Device = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(raw[136..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(raw[140..]),
    };

    private static int Result(int returned) => returned == 0 ? 0 : Errno.Last;

    private static byte[] Terminated(ReadOnlySpan<byte> name)
    {
        byte[] text = new byte[name.Length + 1];
        name.CopyTo(text);
        return text;
    }
}
