using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>
/// Whether locks can be relied on where a cache lies. The kernel of a client of NFS, SMB or AFS keeps locks on directories to itself, and those on files depend on a
/// server and on mount options, so that a cache there is refused. Elsewhere a lock is tried: Lustre without the mount option flock answers ENOSYS.
/// </summary>
internal static class LockTrust
{
    private const string TriedLock = "try";

    /// <summary>The name of a file system on which no cache is written, null for any other.</summary>
    /// <param name="type">The magic number of statfs(2).</param>
    internal static string? Unreliable(long type) => type switch
    {
        0x6969 => "NFS",
        0x517B or 0xFF53_4D42 or 0xFE53_4D42 => "SMB",
        0x5346_414F or 0x6B41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x564C => "NCP",
        0xAAD7_AAEA => "PanFS",
        _ => null,
    };

    /// <summary>The name of a file system that several nodes may share, null for any other. A cache on it is one node's own: leases hold within a kernel only.</summary>
    internal static string? Shared(long type) => Unreliable(type) ?? type switch
    {
        0x0BD0_0BD0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x00C3_6400 => "CephFS",
        0x1983_0326 => "BeeGFS",
        0x2003_0528 => "OrangeFS",
        0x0116_1970 => "GFS2",
        0x7461_636F => "OCFS2",
        0x0102_1997 => "9p",
        _ => null,
    };

    /// <summary>Null, or why no cache is kept on a file system of this type.</summary>
    internal static GridWrapperException? Refuse(string cache, long type) => Unreliable(type) is { } name ? CacheFault.NoLocks(cache, name, null) : null;

    /// <summary>Takes and gives back a lock in the cache's directory of locks.</summary>
    /// <exception cref="GridWrapperException">The file system has none.</exception>
    internal static void Try(CacheDirectory cache, long type)
    {
        try
        {
            FileLock.TryAcquire(cache.Lock(TriedLock))?.Dispose();
        }
        catch (LinuxException e) when (e.Call == "flock")
        {
            throw CacheFault.NoLocks(cache.Path, Shared(type) ?? "a file system without locks", e);
        }
    }
}
