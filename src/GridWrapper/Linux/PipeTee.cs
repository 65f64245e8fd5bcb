namespace GridWrapper.Linux;

/// <summary>
/// A pipe whose content is copied to a descriptor as it comes, byte for byte, while its end is kept. A reader that is slow makes the writers of the pipe wait, as
/// it would without us; one that is gone is forgotten.
/// </summary>
internal sealed class PipeTee : IDisposable
{
    private const int PollMilliseconds = 100;

    private readonly int _keep;
    private readonly int _target;
    private readonly Thread _thread;
    private readonly TimeSpan _linger;
    private byte[] _kept;
    private int _keptLength;
    private int _readEnd;
    private int _writeEnd;
    private volatile bool _ending;

    /// <param name="target">Where the bytes go; remains the caller's.</param>
    /// <param name="keepBytes">How many of the last bytes are kept at least.</param>
    /// <param name="linger">How long after the end a process that kept the pipe open may still write.</param>
    /// <exception cref="LinuxException">No pipe could be made.</exception>
    internal unsafe PipeTee(int target, int keepBytes, TimeSpan linger)
    {
        _target = target;
        _keep = keepBytes;
        _linger = linger;
        _kept = new byte[2 * keepBytes];
        int* ends = stackalloc int[2];
        if (Libc.Pipe2(ends, Libc.O_CLOEXEC) != 0)
        {
            throw new LinuxException("pipe2", "", Errno.Last);
        }

        _readEnd = ends[0];
        _writeEnd = ends[1];
        _thread = new Thread(Copy, 128 * 1024) { IsBackground = true, Name = "tee" };
        _thread.Start();
    }

    /// <summary>For the child; close our own with <see cref="CloseWriteEnd"/> once it was started.</summary>
    internal int WriteEnd => _writeEnd;

    /// <summary>All bytes that came.</summary>
    internal long TotalBytes { get; private set; }

    public void Dispose()
    {
        _ = Finish();
        _ = Libc.Close(Interlocked.Exchange(ref _readEnd, -1));
    }

    internal void CloseWriteEnd()
    {
        int end = Interlocked.Exchange(ref _writeEnd, -1);
        if (end >= 0)
        {
            _ = Libc.Close(end);
        }
    }

    /// <summary>Waits until everything written was copied, then gives the last bytes as text.</summary>
    internal string Finish()
    {
        CloseWriteEnd();
        _ending = true;
        _thread.Join();
        int from = Math.Max(0, _keptLength - _keep);
        return Encoding.UTF8.GetString(_kept, from, _keptLength - from);
    }

    private unsafe void Copy()
    {
        byte* buffer = stackalloc byte[16 * 1024];
        bool targetAlive = true;
        long? endedAt = null;
        while (true)
        {
            if (_ending && Environment.TickCount64 - (endedAt ??= Environment.TickCount64) > _linger.TotalMilliseconds)
            {
                return;
            }

            Libc.PollFd poll = new() { Fd = _readEnd, Events = 1 };
            int ready = Libc.Poll(&poll, 1, PollMilliseconds);
            if (ready == 0 && _ending)
            {
                return;
            }

            if (ready <= 0)
            {
                continue;
            }

            nint count = Libc.Read(_readEnd, buffer, 16 * 1024);
            if (count == 0 || (count < 0 && Errno.Last != Errno.EINTR))
            {
                return;
            }

            if (count > 0)
            {
                Keep(new ReadOnlySpan<byte>(buffer, (int)count));
                targetAlive = targetAlive && Pipe.WriteAll(_target, buffer, count);
            }
        }
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        TotalBytes += bytes.Length;
        if (bytes.Length > _kept.Length - _keptLength)
        {
            int rest = Math.Min(_keep, _keptLength);
            byte[] moved = new byte[Math.Max(2 * _keep, rest + bytes.Length)];
            _kept.AsSpan(_keptLength - rest, rest).CopyTo(moved);
            (_kept, _keptLength) = (moved, rest);
        }

        bytes.CopyTo(_kept.AsSpan(_keptLength));
        _keptLength += bytes.Length;
    }
}
