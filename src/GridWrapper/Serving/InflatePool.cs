using System.Diagnostics.CodeAnalysis;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>
/// What all compressed layers of a root share: pieces that were inflated, and inflate states that stand where somebody may read on. Who wants the piece that another thread's state comes to next
/// waits for it, rather than inflate the same once more.
/// </summary>
internal sealed class InflatePool
{
    /// <summary>32 MiB.</summary>
    internal const int MostPieces = 256;

    /// <summary>Each takes some 80 KiB.</summary>
    internal const int MostRuns = 24;

    /// <summary>Inflated for a reader that reads on, before it asks.</summary>
    private const int PiecesAhead = 4;
    private static readonly RoomLog Log = new(nameof(InflatePool));
    private readonly LibZ _library;
    private readonly PieceCache _pieces;
    private readonly Lock _lock = new();
    private readonly List<InflateRun> _runs = [];
    private readonly int _mostRuns;
    private long _clock;
    private int _entered;
    private int _left;
    private int _ahead;
    private long _started;

    internal InflatePool(LibZ library, int mostPieces = MostPieces, int mostRuns = MostRuns) => (_library, _pieces, _mostRuns) = (library, new PieceCache(mostPieces), mostRuns);

    /// <summary>How often inflating began at a checkpoint.</summary>
    internal long Starts => Interlocked.Read(ref _started);

    /// <summary>One more layer. Returns its number.</summary>
    internal int Enter()
    {
        lock (_lock)
        {
            return _entered++;
        }
    }

    /// <summary>Where the last one has gone, so do the states; those in use go with their users.</summary>
    internal void Leave()
    {
        lock (_lock)
        {
            if (++_left == _entered)
            {
                foreach (InflateRun run in _runs.Where(run => run.Users == 0))
                {
                    run.Dispose();
                }

                _runs.Clear();
            }
        }
    }

    internal bool Has(GzipArchive archive, long piece) => _pieces.Has(archive.Key(piece));

    /// <summary>Fills a buffer from a piece.</summary>
    /// <exception cref="InvalidDataException">The piece cannot be had any more.</exception>
    internal void Read(GzipArchive archive, long piece, int at, Span<byte> into)
    {
        if (_pieces.TryCopy(archive.Key(piece), at, into))
        {
            return;
        }

        InflateRun run = Choose(archive, piece);
        bool goesOn = false;
        try
        {
            lock (run.Gate)
            {
                if (!_pieces.TryCopy(archive.Key(piece), at, into))
                {
                    goesOn = run.Reaches(archive, piece) && run.Next == piece;
                    Bring(run, (archive, piece), at, into);
                }
            }
        }
        catch
        {
            goesOn = false;
            throw;
        }
        finally
        {
            if (!goesOn || !TryGoOn(run, archive, piece + 1))
            {
                Leave(run);
            }
        }
    }

    private void Leave(InflateRun run)
    {
        lock (_lock)
        {
            run.Users--;
        }
    }

    /// <summary>Who reads piece after piece has the next ones inflated while it looks at what it got.</summary>
    /// <returns>Whether the state is in use for that now.</returns>
    private bool TryGoOn(InflateRun run, GzipArchive archive, long next)
    {
        if (Interlocked.Increment(ref _ahead) <= Environment.ProcessorCount)
        {
            return ThreadPool.UnsafeQueueUserWorkItem(static job => job.Pool.GoOn(job.Run, job.Archive, job.Next), new Job(this, run, archive, next), preferLocal: false);
        }

        Interlocked.Decrement(ref _ahead);
        return false;
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "nobody waits for these pieces; the read that wants one tells what is wrong with it")]
    private void GoOn(InflateRun run, GzipArchive archive, long next)
    {
        try
        {
            for (long end = Math.Min(next + PiecesAhead, archive.Table.Sums.Length); next < end; next++)
            {
                // A reader that came meanwhile goes first.
                lock (run.Gate)
                {
                    next = run.Reaches(archive, next) && run.Next == next ? next : end;
                    _ = next < end && Advance(run, archive, 0, []);
                }
            }
        }
        catch (Exception e)
        {
            Log.Debug("a compressed layer could not be read ahead: {Reason}", e.Message);
        }
        finally
        {
            Interlocked.Decrement(ref _ahead);
            Leave(run);
        }
    }

    /// <summary>Inflates up to a piece; those on the way are kept as well.</summary>
    private void Bring(InflateRun run, (GzipArchive Archive, long Piece) wanted, int at, Span<byte> into)
    {
        (GzipArchive archive, long piece) = wanted;
        if (!run.Reaches(archive, piece))
        {
            Start(run, archive, piece);
        }

        while (run.Next < piece)
        {
            Advance(run, archive, 0, []);
        }

        if (!Advance(run, archive, at, into))
        {
            run.Forget();
            throw new InvalidDataException($"piece {piece} inflates to something else than it did");
        }
    }

    private void Start(InflateRun run, GzipArchive archive, long piece)
    {
        Interlocked.Increment(ref _started);
        PieceCache.Slot scratch = _pieces.Rent();
        try
        {
            run.Start(archive, piece, scratch.Bytes);
        }
        finally
        {
            _pieces.Release(scratch);
        }
    }

    /// <summary>Inflates the next piece, keeps it, and fills a buffer from it; false, and none of that, where it is not what it was.</summary>
    private bool Advance(InflateRun run, GzipArchive archive, int at, Span<byte> into)
    {
        PieceCache.Slot slot = _pieces.Rent();
        try
        {
            Span<byte> bytes = slot.Bytes.AsSpan(0, archive.Table.LengthOf(run.Next));
            run.Inflate(bytes);
            bool right = Crc32C.Of(bytes) == archive.Table.Sums[run.Next];
            if (right)
            {
                _pieces.Publish(slot, archive.Key(run.Next));
                bytes.Slice(at, into.Length).CopyTo(into);
            }

            run.Next++;
            return right;
        }
        catch
        {
            run.Forget();
            throw;
        }
        finally
        {
            _pieces.Release(slot);
        }
    }

    /// <summary>The state that comes to a piece soonest, be it at work; else one that nobody uses, which is to begin for it.</summary>
    private InflateRun Choose(GzipArchive archive, long piece)
    {
        long first = archive.Table.FirstPiece(archive.Table.Before(piece));
        lock (_lock)
        {
            InflateRun? best = null;
            foreach (InflateRun run in _runs)
            {
                if (ReferenceEquals(run.Archive, archive) && run.Next >= first && run.Next <= piece && (best is null || run.Next > best.Next))
                {
                    best = run;
                }
            }

            if (best is null)
            {
                best = Spare();
                if (best.Users == 0)
                {
                    best.Forget();
                    (best.Archive, best.Next) = (archive, first);
                }
            }

            best.Users++;
            best.Used = ++_clock;
            return best;
        }
    }

    private InflateRun Spare()
    {
        InflateRun? free = _runs.Where(run => run.Users == 0).MinBy(run => run.Used);
        if (_runs.Count < _mostRuns && (free is null || free.Archive is not null))
        {
            free = new InflateRun(_library);
            _runs.Add(free);
        }

        return free ?? _runs.MinBy(run => run.Used)!;
    }

    private sealed record Job(InflatePool Pool, InflateRun Run, GzipArchive Archive, long Next);
}
