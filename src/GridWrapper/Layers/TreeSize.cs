using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>What a small tree takes: its files in blocks of 4 KiB without their holes, one block for each directory.</summary>
internal static class TreeSize
{
    private const long BlockBytes = 4096;

    /// <summary>Zero for a tree that goes away meanwhile.</summary>
    internal static (long Bytes, long Entries) Of(string directory)
    {
        try
        {
            using SafeFileHandle root = At.OpenDirectory(directory);
            return Of(root);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return (0, 0);
        }
    }

    private static (long Bytes, long Entries) Of(SafeFileHandle directory)
    {
        long bytes = BlockBytes;
        long entries = 0;
        foreach (byte[] name in At.Names(directory))
        {
            entries++;
            if (At.OpenSubdirectory(directory, name, out SafeFileHandle? sub) == 0)
            {
                using (sub)
                {
                    (long below, long count) = Of(sub!);
                    bytes += below;
                    entries += count;
                }
            }
            else if (At.Stat(directory, name, out FileStat stat) == 0 && stat.IsRegular)
            {
                long whole = (stat.Size + BlockBytes - 1) / BlockBytes * BlockBytes;
                bytes += stat.AllocatedBytes > 0 ? Math.Min(whole, stat.AllocatedBytes) : whole;
            }
        }

        return (bytes, entries);
    }
}
