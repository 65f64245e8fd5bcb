using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>The calls that looking at a node needs. Layouts are those of 64-bit Linux (x86-64 and arm64 agree on all of them).</summary>
internal static unsafe partial class Libc
{
    internal const int AT_NO_AUTOMOUNT = 0x800;
    internal const long AutofsMagic = 0x187;
    internal const long FuseMagic = 0x65735546;

    /// <summary>open(2) relative to a directory descriptor.</summary>
    [LibraryImport("libc.so.6", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ProbeOpenAt(int directory, string path, int flags, uint mode);

    [LibraryImport("libc.so.6", EntryPoint = "readlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ProbeReadLinkAt(int directory, string path, byte* buffer, nuint size);

    [LibraryImport("libc.so.6", EntryPoint = "pread", SetLastError = true)]
    internal static partial nint ProbePread(int fd, byte* buffer, nuint count, long offset);

    [LibraryImport("libc.so.6", EntryPoint = "fstatfs", SetLastError = true)]
    internal static partial int ProbeFstatfs(int fd, FileSystemStatus* status);

    [LibraryImport("libc.so.6", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ProbeStatx(int directory, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc.so.6", EntryPoint = "fgetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ProbeFgetxattr(int fd, string name, byte* value, nuint size);

    [LibraryImport("libc.so.6", EntryPoint = "chdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ProbeChangeDirectory(string path);

    /// <summary>signal(3) with SIG_DFL: a probe child must die of SIGTERM at once, without the runtime's orderly shutdown.</summary>
    [LibraryImport("libc.so.6", EntryPoint = "signal")]
    internal static partial nint ProbeSignal(int signal, nint handler);

    [LibraryImport("libc.so.6", EntryPoint = "faccessat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ProbeAccess(int directory, string path, int mode, int flags);

    /// <summary>getdents64(2): libc has no wrapper before glibc 2.30.</summary>
    internal static nint GetDirectoryEntries(int fd, byte* buffer, int size) =>
        Syscall(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217, fd, (nint)buffer, size, 0, 0);

    /// <summary>struct statfs.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct FileSystemStatus
    {
        internal long Type;
        internal long BlockSize;
        internal ulong Blocks;
        internal ulong BlocksFree;
        internal ulong BlocksAvailable;
        internal ulong Files;
        internal ulong FilesFree;
        internal long Id;
        internal long NameLength;
        internal long FragmentSize;
        internal long Flags;
        internal fixed long Spare[4];
    }

    /// <summary>struct statx, the members that are used here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct FileStatus
    {
        internal const uint BasicStats = 0x7ff;

        [FieldOffset(28)]
        internal ushort Mode;

        [FieldOffset(32)]
        internal ulong Inode;

        [FieldOffset(40)]
        internal ulong Size;

        [FieldOffset(96)]
        internal long ChangedSeconds;

        [FieldOffset(104)]
        internal uint ChangedNanoseconds;

        [FieldOffset(112)]
        internal long ModifiedSeconds;

        [FieldOffset(120)]
        internal uint ModifiedNanoseconds;

        [FieldOffset(136)]
        internal uint DeviceMajor;

        [FieldOffset(140)]
        internal uint DeviceMinor;

        internal readonly bool IsDirectory => (Mode & 0xf000) == 0x4000;

        internal readonly bool IsSymlink => (Mode & 0xf000) == 0xa000;

        internal readonly bool IsRegular => (Mode & 0xf000) == 0x8000;

        /// <summary>Identity of the file on this node.</summary>
        internal readonly string Identity => string.Create(CultureInfo.InvariantCulture, $"{DeviceMajor}:{DeviceMinor}:{Inode}");

        /// <summary>Another one whenever the content may be another: nobody but a change of the clock sets the time of change back.</summary>
        internal readonly string State =>
            string.Create(CultureInfo.InvariantCulture, $"{Identity} {Size} {ModifiedSeconds}.{ModifiedNanoseconds} {ChangedSeconds}.{ChangedNanoseconds}");
    }
}
