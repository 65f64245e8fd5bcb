using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>Calls on a file that was just made, by its bare descriptor: a hundred thousand of them make an image.</summary>
internal static unsafe partial class Libc
{
    internal const int LOCK_SH = 1;

    [LibraryImport("libc.so.6", EntryPoint = "futimens", SetLastError = true)]
    internal static partial int SetTimes(int fd, long* times);

    [LibraryImport("libc.so.6", EntryPoint = "fchmod", SetLastError = true)]
    internal static partial int ChangeMode(int fd, uint mode);
}
