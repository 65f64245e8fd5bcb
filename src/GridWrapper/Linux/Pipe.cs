using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>Anonymous pipes, closed on exec.</summary>
internal static unsafe class Pipe
{
    /// <exception cref="LinuxException">No descriptors left.</exception>
    internal static (SafeFileHandle Read, SafeFileHandle Write) Create()
    {
        int* fds = stackalloc int[2];
        return Libc.Pipe2(fds, Libc.O_CLOEXEC) == 0
            ? (new SafeFileHandle(fds[0], true), new SafeFileHandle(fds[1], true))
            : throw new LinuxException("pipe2", "", Errno.Last);
    }

    /// <summary>Blocks until there is something to read or the stream has ended; false when neither came within the limit. Null waits for ever.</summary>
    internal static bool WaitReadable(SafeFileHandle pipe, TimeSpan? limit)
    {
        long deadline = limit is { } span ? Environment.TickCount64 + (span.Ticks / TimeSpan.TicksPerMillisecond) + 1 : long.MaxValue;
        for (; ; )
        {
            long left = limit is null ? -1 : Math.Clamp(deadline - Environment.TickCount64, 0, int.MaxValue);
            Libc.PollFd poll = new() { Fd = (int)pipe.DangerousGetHandle(), Events = 1 };
            int ready = Libc.Poll(&poll, 1, (int)left);
            if (ready > 0 || (ready < 0 && Errno.Last != Errno.EINTR))
            {
                return true;
            }

            if (ready == 0 && left >= 0 && Environment.TickCount64 >= deadline)
            {
                return false;
            }
        }
    }

    /// <summary>Blocks until the buffer is full; false at the end of the stream.</summary>
    internal static bool ReadExactly(SafeFileHandle pipe, byte[] buffer)
    {
        fixed (byte* bytes = buffer)
        {
            for (int done = 0; done < buffer.Length;)
            {
                nint n = Libc.Read((int)pipe.DangerousGetHandle(), bytes + done, buffer.Length - done);
                if (n == 0 || (n < 0 && Errno.Last != Errno.EINTR))
                {
                    return false;
                }

                done += (int)Math.Max(n, 0);
            }
        }

        return true;
    }

    /// <summary>Writes everything, waiting for room where the descriptor does not wait by itself; false when the other end is gone.</summary>
    internal static bool WriteAll(int fd, byte* bytes, nint count)
    {
        const int RoomCheckMilliseconds = 100;
        while (count > 0)
        {
            nint written = Libc.Write(fd, bytes, count);
            if (written >= 0)
            {
                bytes += written;
                count -= written;
            }
            else if (Errno.Last == Errno.EAGAIN)
            {
                Libc.PollFd poll = new() { Fd = fd, Events = 4 };
                _ = Libc.Poll(&poll, 1, RoomCheckMilliseconds);
            }
            else if (Errno.Last != Errno.EINTR)
            {
                return false;
            }
        }

        return true;
    }
}
