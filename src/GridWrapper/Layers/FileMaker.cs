using System.Security.Cryptography;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>Makes single files of a layer below an open directory. A name that is taken is freed first: the later entry of an archive wins.</summary>
/// <param name="replaced">Told when something, perhaps a directory with all in it, was removed for that.</param>
internal sealed class FileMaker(Action replaced)
{
    /// <summary>Within what every Linux file system can store (ext4 ends in 2446).</summary>
    private const long LastSecond = 0x3_7FFF_FFFF;

    /// <summary>The owner must at least be able to read.</summary>
    private const uint OwnerRead = 0x100;
    private const uint NineBits = 0x1FF;
    private const uint PlaceholderMode = 0x1A4;
    private static readonly byte[] Zeros = new byte[64 * 1024];
    private readonly byte[] _buffer = new byte[128 * 1024];

    internal static FileTime Clamp(FileTime time) =>
        time.Seconds < 0 ? new FileTime(0, 0) : time.Seconds > LastSecond ? new FileTime(LastSecond, 0) : time;

    /// <summary>What the file will have: no set-id bits, readable by its owner.</summary>
    internal static uint FileMode(TarEntry entry) => (entry.Mode & NineBits) | OwnerRead;

    /// <summary>Bytes of a sparse file that the archive does not hold.</summary>
    internal static long HoleBytes(TarEntry entry) => entry.Sparse.IsDefault ? 0 : entry.SizeBytes - entry.Sparse.Sum(piece => piece.Length);

    /// <summary>A regular file with its data, attributes, mode and time. Answers how many data bytes were written.</summary>
    /// <param name="hash">Takes in what reading the file will give, holes included.</param>
    internal long File(SafeFileHandle parent, byte[] name, (TarEntry Entry, TarEntryReader Reader) data, IncrementalHash? hash)
    {
        SafeFileHandle? file = null;
        (TarEntry entry, TarEntryReader reader) = data;
        uint mode = FileMode(entry);
        Make(parent, name, "openat", () => At.Open(parent, name, Libc.O_WRONLY | Libc.O_CREAT | Libc.O_EXCL | Libc.O_NOFOLLOW, mode, out file));
        using (file)
        {
            long written = entry.Sparse.IsDefault ? Copy((file!, name), reader, new SparseSegment(0, entry.SizeBytes), hash) : CopySparse((file!, name), reader, entry, hash);
            foreach ((string attribute, byte[] value) in entry.Xattrs.Where(x => MayKeep(x.Name)))
            {
                // Not every file system has user attributes; an image is usable without them.
                _ = At.SetXattr(file!, Encoding.UTF8.GetBytes(attribute), value);
            }

            if ((mode & FileModeMask.Bits) != 0)
            {
                Demand(Libc.ChangeMode(file!, mode) == 0 ? 0 : Errno.Last, "fchmod", name);
            }

            Demand(At.SetTimes(file!, Clamp(entry.Modified)), "futimens", name);
            return written;
        }
    }

    internal void Symlink(SafeFileHandle parent, byte[] name, TarEntry entry)
    {
        if (entry.LinkName.Length is 0 or > EntryPath.MaxPathBytes || entry.LinkName.Contains((byte)0))
        {
            throw new InvalidDataException($"the symbolic link '{EntryPath.ForPeople(entry.Name)}' has an empty or impossible target");
        }

        Make(parent, name, "symlinkat", () => At.Symlink(entry.LinkName, parent, name));
        Demand(At.SetTimes(parent, name, Clamp(entry.Modified)), "utimensat", name);
    }

    /// <summary>A named pipe; for a device, which an ordinary user cannot make, an empty file in its place.</summary>
    internal void Special(SafeFileHandle parent, byte[] name, TarEntry entry)
    {
        uint mode = entry.Kind == TarEntryKind.Fifo ? Libc.S_IFIFO | (entry.Mode & NineBits) : Libc.S_IFREG | PlaceholderMode;
        Make(parent, name, "mknodat", () => At.MakeNode(parent, name, mode));
        Demand(At.SetTimes(parent, name, Clamp(entry.Modified)), "utimensat", name);
    }

    /// <summary>A hard link; a copy where the file system has no more links to give. False if the target is not there.</summary>
    internal bool HardLink(SafeFileHandle targetParent, byte[] targetName, SafeFileHandle parent, byte[] name)
    {
        if (At.Stat(targetParent, targetName, out FileStat target) != 0)
        {
            return false;
        }

        if (target.IsDirectory)
        {
            throw new InvalidDataException($"the hard link '{EntryPath.ForPeople(name)}' points to a directory");
        }

        if (At.Stat(parent, name, out FileStat there) == 0 && there.Inode == target.Inode && there.Device == target.Device)
        {
            return true;
        }

        bool full = false;
        Make(parent, name, "linkat", () =>
        {
            int errno = At.Link(targetParent, targetName, parent, name);
            full = errno == Errno.EMLINK && target.IsRegular;
            return full ? 0 : errno;
        });
        if (full)
        {
            CopyFile(targetParent, targetName, parent, name);
        }

        return true;
    }

    /// <summary>A second file, link or pipe like the first, where a hard link is impossible: on another file system, or of another user.</summary>
    internal void Copy(SafeFileHandle fromParent, byte[] name, SafeFileHandle parent, FileStat stat)
    {
        if (stat.IsRegular)
        {
            CopyFile(fromParent, name, parent, name);
        }
        else if (stat.IsSymlink)
        {
            Demand(At.ReadLink(fromParent, name, out byte[] target), "readlinkat", name);
            Make(parent, name, "symlinkat", () => At.Symlink(target, parent, name));
            Demand(At.SetTimes(parent, name, stat.Modified), "utimensat", name);
        }
        else
        {
            Make(parent, name, "mknodat", () => At.MakeNode(parent, name, Libc.S_IFIFO | stat.Permissions));
            Demand(At.SetTimes(parent, name, stat.Modified), "utimensat", name);
        }
    }

    /// <summary>A second file with the content, mode and time of the first.</summary>
    internal void CopyFile(SafeFileHandle fromParent, byte[] fromName, SafeFileHandle parent, byte[] name)
    {
        Demand(At.Stat(fromParent, fromName, out FileStat stat), "statx", fromName);
        Demand(At.Open(fromParent, fromName, Libc.O_RDONLY | Libc.O_NOFOLLOW, 0, out SafeFileHandle? source), "openat", fromName);
        using (source)
        {
            SafeFileHandle? target = null;
            Make(parent, name, "openat", () => At.Open(parent, name, Libc.O_WRONLY | Libc.O_CREAT | Libc.O_EXCL | Libc.O_NOFOLLOW, stat.Permissions, out target));
            using (target)
            {
                for (long at = 0; RandomAccess.Read(source!, _buffer, at) is > 0 and int got; at += got)
                {
                    Demand(At.WriteAll(target!, _buffer.AsSpan(0, got), at), "pwrite", name);
                }

                Demand(Libc.ChangeMode(target!, stat.Permissions) == 0 ? 0 : Errno.Last, "fchmod", name);
                Demand(At.SetTimes(target!, stat.Modified), "futimens", name);
            }
        }
    }

    internal static void Demand(int errno, string call, byte[] name)
    {
        if (errno != 0)
        {
            throw new LinuxException(call, EntryPath.ForPeople(name), errno);
        }
    }

    /// <summary>Runs a creating call; where the name is taken, frees it and runs the call again.</summary>
    internal void Make(SafeFileHandle parent, byte[] name, string call, Func<int> create)
    {
        int errno = create();
        if (errno == Errno.EEXIST)
        {
            TreeRemover.Remove(parent, name);
            replaced();
            errno = create();
        }

        Demand(errno, call, name);
    }

    /// <summary>Only attributes that any user may set and that mean nothing to overlayfs: the latter would forge whiteouts.</summary>
    internal static bool MayKeep(string attribute) =>
        attribute.StartsWith("user.", StringComparison.Ordinal) && !attribute.StartsWith("user.overlay.", StringComparison.Ordinal);

    private long Copy((SafeFileHandle File, byte[] Name) target, TarEntryReader reader, SparseSegment piece, IncrementalHash? hash)
    {
        for (long done = 0; done < piece.Length;)
        {
            ReadOnlySpan<byte> got = reader.TakeData((int)Math.Min(int.MaxValue, piece.Length - done), _buffer);
            Demand(At.WriteAll(target.File, got, piece.Offset + done), "pwrite", target.Name);
            hash?.AppendData(got);
            done += got.Length;
        }

        return piece.Length;
    }

    private long CopySparse((SafeFileHandle File, byte[] Name) target, TarEntryReader reader, TarEntry entry, IncrementalHash? hash)
    {
        Demand(Libc.Truncate(target.File, entry.SizeBytes) == 0 ? 0 : Errno.Last, "ftruncate", target.Name);
        long at = 0;
        long written = 0;
        foreach (SparseSegment piece in entry.Sparse)
        {
            HashZeros(hash, piece.Offset - at);
            written += Copy(target, reader, piece, hash);
            at = piece.Offset + piece.Length;
        }

        HashZeros(hash, entry.SizeBytes - at);
        return written;
    }

    private static void HashZeros(IncrementalHash? hash, long count)
    {
        for (; hash is not null && count > 0; count -= Zeros.Length)
        {
            hash.AppendData(Zeros, 0, (int)Math.Min(count, Zeros.Length));
        }
    }
}
