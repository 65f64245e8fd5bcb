using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>An exclusive flock(2) on a file that stays where it is. Freed by the kernel when the holder dies, whatever kills it.</summary>
internal sealed class FileLock : IDisposable
{
    private const double FirstPauseMilliseconds = 5;
    private const double LongestPauseMilliseconds = 250;
    private readonly SafeFileHandle _file;

    private FileLock(SafeFileHandle file) => _file = file;

    public void Dispose() => _file.Dispose();

    /// <summary>Waits for the lock by asking again and again: a blocking flock could not be cancelled.</summary>
    /// <exception cref="TimeoutException">Somebody else held it for all that time.</exception>
    internal static async Task<FileLock> AcquireAsync(string path, TimeSpan patience, TimeProvider clock, CancellationToken ct)
    {
        long started = clock.GetTimestamp();
        SafeFileHandle file = Open(path);
        try
        {
            for (double pause = FirstPauseMilliseconds; !TryLock(file, path); pause = Math.Min(pause * 2, LongestPauseMilliseconds))
            {
                if (clock.GetElapsedTime(started) > patience)
                {
                    throw new TimeoutException($"the lock {path} was held by another process for {patience.TotalSeconds:0} s");
                }

                await Task.Delay(TimeSpan.FromMilliseconds(pause), clock, ct);
            }

            return new FileLock(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The lock of a file that its holder removes at the end; null while somebody holds it. To be used with <see cref="TryAcquire"/> alone.</summary>
    internal static FileLock? TryAcquire(string path)
    {
        while (true)
        {
            SafeFileHandle file = Open(path);
            if (!TryLock(file, path))
            {
                file.Dispose();
                return null;
            }

            if (IsStill(file, path))
            {
                return new FileLock(file);
            }

            // It was removed, and perhaps made again, between opening and locking.
            file.Dispose();
        }
    }

    private static bool IsStill(SafeFileHandle file, string path)
    {
        using SafeFileHandle parent = At.OpenDirectory(Path.GetDirectoryName(path)!);
        return At.Stat(file, [], out FileStat held) == 0
            && At.Stat(parent, Encoding.UTF8.GetBytes(Path.GetFileName(path)), out FileStat named) == 0
            && (held.Device, held.Inode) == (named.Device, named.Inode);
    }

    private static unsafe SafeFileHandle Open(string path)
    {
        using var strings = new NativeStrings();
        int fd = Libc.Open(strings.Add(path), Libc.O_RDWR | Libc.O_CREAT | Libc.O_CLOEXEC | Libc.O_NOFOLLOW, 0x180);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw new LinuxException("open", path, Errno.Last);
    }

    private static bool TryLock(SafeFileHandle file, string path)
    {
        if (Libc.Flock(file, Libc.LOCK_EX | Libc.LOCK_NB) == 0)
        {
            return true;
        }

        int errno = Errno.Last;
        return errno is Errno.EAGAIN or Errno.EINTR ? false : throw new LinuxException("flock", path, errno);
    }
}
