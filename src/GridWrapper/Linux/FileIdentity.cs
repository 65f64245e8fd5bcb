using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>What a name is, links not followed: enough to decide whether it may be opened at all (opening a FIFO waits for ever).</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Permissions">Permission bits.</param>
/// <param name="SizeBytes">Length of a file.</param>
/// <param name="ModifiedUnixSeconds">Time of the last change of the content, seconds since 1970.</param>
/// <param name="Device">Identifies the file system.</param>
internal readonly unsafe partial record struct FileIdentity(FileKind Kind, int Permissions, long SizeBytes, long ModifiedUnixSeconds, long Device)
{
    private const int NoFollow = 0x100;
    private const int NoAutomount = 0x800;
    private const uint BasicStats = 0x7ff;

    /// <summary>Null when there is nothing of that name.</summary>
    /// <exception cref="LinuxException">It cannot be told (no permission on the way, I/O error).</exception>
    internal static FileIdentity? Of(string path)
    {
        using NativeStrings strings = new();
        StatxBuffer buffer;
        if (Statx(Libc.AT_FDCWD, strings.Add(path), NoFollow | NoAutomount, BasicStats, &buffer) == 0)
        {
            return new FileIdentity(KindOf(buffer.Mode), buffer.Mode & 0xfff, checked((long)buffer.Size), buffer.ModifiedSeconds, ((long)buffer.DeviceMajor << 32) | buffer.DeviceMinor);
        }

        int errno = Errno.Last;
        return errno is Errno.ENOENT or Errno.ENOTDIR ? null : throw new LinuxException("statx", path, errno);
    }

    private static FileKind KindOf(ushort mode) => (mode & 0xf000) switch
    {
        0x8000 => FileKind.Regular,
        0x4000 => FileKind.Directory,
        0xa000 => FileKind.Link,
        _ => FileKind.Other,
    };

    [LibraryImport("libc.so.6", EntryPoint = "statx", SetLastError = true)]
    private static partial int Statx(int directory, byte* path, int flags, uint mask, StatxBuffer* buffer);

    /// <summary>struct statx of statx(2); the same on every architecture.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatxBuffer
    {
        [FieldOffset(28)]
        internal ushort Mode;

        [FieldOffset(40)]
        internal ulong Size;

        [FieldOffset(112)]
        internal long ModifiedSeconds;

        [FieldOffset(136)]
        internal uint DeviceMajor;

        [FieldOffset(140)]
        internal uint DeviceMinor;
    }
}
