using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>
/// A flock(2) on a directory itself: shared by those who use what is in it, exclusive for whoever removes it. The kernel frees it when the holder dies,
/// and it stays with the directory when that is renamed.
/// </summary>
internal sealed class DirectoryLease : IDisposable
{
    private readonly SafeFileHandle _directory;

    private DirectoryLease(SafeFileHandle directory) => _directory = directory;

    public void Dispose() => _directory.Dispose();

    /// <summary>A share in the directory; null if it is not there. Waits for the moment in which somebody looks whether it is in use, or removes it.</summary>
    internal static DirectoryLease? TryShare(string path) => TryLock(path, Libc.LOCK_SH);

    /// <summary>The directory for this process alone; null if it is not there, or somebody uses it.</summary>
    internal static DirectoryLease? TryOwn(string path) => TryLock(path, Libc.LOCK_EX | Libc.LOCK_NB);

    private static DirectoryLease? TryLock(string path, int kind)
    {
        SafeFileHandle? directory = Open(path);
        if (directory is null)
        {
            return null;
        }

        int errno;
        do
        {
            errno = Libc.Flock(directory, kind) == 0 ? 0 : Errno.Last;
        }
        while (errno == Errno.EINTR);

        if (errno != 0)
        {
            directory.Dispose();
            return errno == Errno.EAGAIN ? null : throw new LinuxException("flock", path, errno);
        }

        if (IsStill(directory, path))
        {
            return new DirectoryLease(directory);
        }

        // It was moved away between opening and locking.
        directory.Dispose();
        return null;
    }

    private static SafeFileHandle? Open(string path)
    {
        try
        {
            return At.OpenDirectory(path);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
    }

    private static bool IsStill(SafeFileHandle held, string path)
    {
        using SafeFileHandle? named = Open(path);
        return named is not null
            && At.Stat(held, [], out FileStat mine) == 0
            && At.Stat(named, [], out FileStat now) == 0
            && (mine.Device, mine.Inode) == (now.Device, now.Inode);
    }
}
