namespace GridWrapper.Serving;

/// <summary>A member on its way: whoever wants it waits here, so that it is fetched once.</summary>
internal sealed class MemberFetch(int member)
{
    private readonly object _gate = new();
    private bool _done;
    private long _wantedSince;

    internal int Member => member;

    /// <summary>Unpacked; only chunks that are right are to be taken from it. Null while it is on its way, and where it failed.</summary>
    internal byte[]? Bytes { get; private set; }

    /// <summary>0, or why there are no bytes.</summary>
    internal int Errno { get; private set; }

    internal bool IsDone => Volatile.Read(ref _done);

    /// <summary>When the first read began to wait for it; 0 for none.</summary>
    internal long WantedSince => Interlocked.Read(ref _wantedSince);

    /// <summary>Waits as long as it takes; who fetches sees to it that it ends.</summary>
    internal void Wait(long now)
    {
        _ = Interlocked.CompareExchange(ref _wantedSince, Math.Max(now, 1), 0);
        lock (_gate)
        {
            while (!_done)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    internal void Came(byte[] bytes)
    {
        Bytes = bytes;
        Finish();
    }

    internal void Failed(int errno)
    {
        Errno = errno;
        Finish();
    }

    private void Finish()
    {
        lock (_gate)
        {
            _done = true;
            Monitor.PulseAll(_gate);
        }
    }
}
