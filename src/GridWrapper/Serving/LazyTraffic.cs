using GridWrapper.Diagnostics;

namespace GridWrapper.Serving;

/// <summary>What all layers of one image share while they are read piece by piece: who waits, what was fetched, and what went wrong.</summary>
internal sealed class LazyTraffic(LazyOptions options)
{
    private static readonly RoomLog Log = new(nameof(LazyTraffic));
    private readonly Lock _lock = new();
    private bool _givenUp;
    private int _waiting;
    private int _waits;
    private int _requests;
    private int _wrongPieces;
    private long _fetchedBytes;
    private long _localBytes;
    private long _waitTicks;
    private long _lastWord = long.MinValue;

    internal LazyOptions Options => options;

    /// <summary>A read has waited as long as reads wait, and nothing has come since.</summary>
    internal bool HasGivenUp => Volatile.Read(ref _givenUp);

    /// <summary>What a payload got to feel; null while nothing did. Written once reads failed, or waited longer than a heartbeat.</summary>
    internal LazyTrouble? Trouble { get; private set; }

    /// <summary>Reads that wait for the network at this moment: whoever is in no hurry waits for them.</summary>
    internal bool IsAwaited => Volatile.Read(ref _waiting) > 0;

    internal LazyFigures Figures => new()
    {
        Requests = Volatile.Read(ref _requests),
        FetchedBytes = Interlocked.Read(ref _fetchedBytes),
        LocalBytes = Interlocked.Read(ref _localBytes),
        Waits = Volatile.Read(ref _waits),
        Waited = TimeSpan.FromTicks(Interlocked.Read(ref _waitTicks)),
        WrongPieces = Volatile.Read(ref _wrongPieces),
    };

    internal void GiveUp() => Volatile.Write(ref _givenUp, true);

    /// <summary>Something has come.</summary>
    /// <returns>True where it was given up.</returns>
    internal bool TakeHeart() => Volatile.Read(ref _givenUp) && Interlocked.Exchange(ref _givenUp, false);

    internal void AddRequest(long bytes)
    {
        Interlocked.Increment(ref _requests);
        Interlocked.Add(ref _fetchedBytes, bytes);
    }

    internal void AddLocal(long bytes) => Interlocked.Add(ref _localBytes, bytes);

    internal void AddWrongPiece() => Interlocked.Increment(ref _wrongPieces);

    /// <summary>A read waits.</summary>
    /// <returns>For <see cref="Leave"/>.</returns>
    internal long Enter()
    {
        Interlocked.Increment(ref _waiting);
        Interlocked.Increment(ref _waits);
        return options.Clock.GetTimestamp();
    }

    internal void Leave(long entered)
    {
        Interlocked.Decrement(ref _waiting);
        Interlocked.Add(ref _waitTicks, options.Clock.GetElapsedTime(entered).Ticks);
    }

    /// <summary>Somebody waits for bytes that do not come: said now and then, not for each read.</summary>
    internal void StillWaiting(string what, TimeSpan waited)
    {
        lock (_lock)
        {
            long now = options.Clock.GetTimestamp();
            if (_lastWord != long.MinValue && options.Clock.GetElapsedTime(_lastWord, now) < options.Heartbeat)
            {
                return;
            }

            _lastWord = now;
            Note(what, waited, failed: 0);
        }

        Log.Warn("the payload waits for its image since {Seconds:0} s: {What}; reads wait up to {Patience:0} s", waited.TotalSeconds, what, options.Patience.TotalSeconds);
    }

    /// <summary>A read was answered with an error.</summary>
    internal void Failed(string what, TimeSpan waited)
    {
        lock (_lock)
        {
            Note(what, waited, failed: 1);
        }

        Log.Error("a read of the payload failed after {Seconds:0} s: {What}", waited.TotalSeconds, what);
    }

    private void Note(string what, TimeSpan waited, int failed) => Trouble = new LazyTrouble(
        what,
        Trouble is { } before && before.Waited > waited ? before.Waited : waited,
        (Trouble?.FailedReads ?? 0) + failed);
}

/// <summary>What went wrong while a payload ran from an image that was still to be fetched.</summary>
/// <param name="What">The last fault, in words.</param>
/// <param name="Waited">The longest wait of a read.</param>
/// <param name="FailedReads">Reads that were answered with EIO: the payload's own failure, if it failed, is no wonder.</param>
internal sealed record LazyTrouble(string What, TimeSpan Waited, int FailedReads);

/// <summary>What was fetched for an image, and how long its payload waited for it.</summary>
internal sealed record LazyFigures
{
    public required int Requests { get; init; }

    /// <summary>Bytes of blobs.</summary>
    public required long FetchedBytes { get; init; }

    /// <summary>Bytes of files that were read from the local copy.</summary>
    public required long LocalBytes { get; init; }

    /// <summary>Reads that waited for the network.</summary>
    public required int Waits { get; init; }

    /// <summary>All of them together.</summary>
    public required TimeSpan Waited { get; init; }

    /// <summary>Pieces that came wrong.</summary>
    public required int WrongPieces { get; init; }
}
