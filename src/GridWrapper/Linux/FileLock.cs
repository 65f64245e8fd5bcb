using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>An exclusive flock(2) on a file that stays where it is. Freed by the kernel when the holder dies, whatever kills it.</summary>
internal sealed class FileLock : IDisposable
{
    private readonly SafeFileHandle _file;

    private FileLock(SafeFileHandle file) => _file = file;

    public void Dispose() => _file.Dispose();

    /// <summary>
    /// Waits for the lock, after the first try asleep in the kernel on a thread of its own: asking again and again would cost the sixteen jobs that wait for one
    /// a core's time, and each of them the pause after its holder has gone.
    /// </summary>
    /// <exception cref="TimeoutException">Somebody else held it for all that time.</exception>
    internal static async Task<FileLock> AcquireAsync(string path, TimeSpan patience, TimeProvider clock, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        SafeFileHandle file = Open(path);
        try
        {
            if (!TryLock(file, path) && await Sleep(file).WaitAsync(patience, clock, ct) is not 0 and int errno)
            {
                throw new LinuxException("flock", path, errno);
            }

            return new FileLock(file);
        }
        catch (TimeoutException)
        {
            file.Dispose();
            throw new TimeoutException($"the lock {path} was held by another process for {patience.TotalSeconds:0} s");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Nobody can end it: whoever stops waiting closes the file, which takes effect, and gives the lock back, when the kernel has given it.</summary>
    /// <returns>0, or the errno.</returns>
    private static Task<int> Sleep(SafeFileHandle file)
    {
        var end = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var sleeper = new Thread(() =>
        {
            int errno;
            do
            {
                errno = Libc.Flock(file, Libc.LOCK_EX) == 0 ? 0 : Errno.Last;
            }
            while (errno == Errno.EINTR);
            end.SetResult(errno);
        })
        {
            IsBackground = true,
            Name = "lock",
        };
        sleeper.Start();
        return end.Task;
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
