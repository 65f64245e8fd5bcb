using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>Calls on a file that was just made, by its bare descriptor: a hundred thousand of them make an image.</summary>
internal static unsafe partial class Libc
{
    [LibraryImport("libc.so.6", EntryPoint = "futimens", SetLastError = true)]
    internal static partial int SetTimes(int fd, long* times);

    [LibraryImport("libc.so.6", EntryPoint = "fchmod", SetLastError = true)]
    internal static partial int ChangeMode(int fd, uint mode);

    [LibraryImport("libc.so.6", EntryPoint = "fstatfs", SetLastError = true)]
    internal static partial int FileSystem(SafeFileHandle file, byte* buffer);
}
