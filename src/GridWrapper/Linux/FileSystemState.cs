using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>What statfs(2) says of the file system that holds a directory.</summary>
/// <param name="Type">Its magic number.</param>
/// <param name="FreeBytes">For this user.</param>
/// <param name="FreeInodes">As many as a long holds where the file system makes them as needed.</param>
internal readonly record struct FileSystemState(long Type, long FreeBytes, long FreeInodes)
{
    private const long TypeBits = 0xFFFF_FFFF;

    /// <exception cref="LinuxException">There is no such directory, or its file system does not answer.</exception>
    internal static unsafe FileSystemState Of(string directory)
    {
        using SafeFileHandle opened = At.OpenDirectory(directory);
        Libc.FileSystemStatus status;
        if (Libc.ProbeFstatfs((int)opened.DangerousGetHandle(), &status) != 0)
        {
            throw new LinuxException("fstatfs", directory, Errno.Last);
        }

        long block = status.FragmentSize > 0 ? status.FragmentSize : status.BlockSize;
        return new FileSystemState(
            status.Type & TypeBits,
            (long)Math.Min(long.MaxValue, (decimal)status.BlocksAvailable * block),
            status.Files == 0 ? long.MaxValue : (long)Math.Min(status.FilesFree, long.MaxValue));
    }
}
