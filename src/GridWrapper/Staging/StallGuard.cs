namespace GridWrapper.Staging;

/// <summary>Cancels a transfer in which nothing moves. A byte now and then is no movement either.</summary>
internal sealed class StallGuard : IDisposable
{
    private const long LeastBytes = 16 * 1024;

    /// <summary>What a storage may need for the checksum of a large file while it says nothing.</summary>
    private const double SilentBytesPerSecond = 50e6;

    private readonly TimeSpan _limit;
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _both;
    private readonly CancellationToken _caller;
    private long _moved;

    /// <param name="limit">Longest time without movement.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ct">The caller's own wish to end.</param>
    internal StallGuard(TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        _limit = limit;
        _caller = ct;
        _timer = new CancellationTokenSource(limit, time);
        _both = CancellationTokenSource.CreateLinkedTokenSource(ct, _timer.Token);
    }

    internal CancellationToken Token => _both.Token;

    /// <summary>The token was cancelled for want of movement.</summary>
    internal bool Stalled => _timer.IsCancellationRequested && !_caller.IsCancellationRequested;

    /// <summary>The limit for a storage that may compute a checksum before it answers.</summary>
    internal static TimeSpan Limit(double stallSeconds, long sizeBytes) => TimeSpan.FromSeconds(stallSeconds + (sizeBytes / SilentBytesPerSecond));

    internal void Moved(long bytes)
    {
        if ((_moved += bytes) >= LeastBytes)
        {
            _moved = 0;
            _timer.CancelAfter(_limit);
        }
    }

    /// <summary>A new stage of the transfer begins.</summary>
    internal void Restart() => _timer.CancelAfter(_limit);

    public void Dispose()
    {
        _both.Dispose();
        _timer.Dispose();
    }
}
