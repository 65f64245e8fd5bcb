using System.Buffers;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>The files of a layer whose blob is fetched piece by piece, as they are read. No byte is given out before its digest was found right.</summary>
internal sealed class LazySource : FileSource
{
    private static readonly RoomLog Log = new(nameof(LazySource));
    private readonly LazyKind _kind;
    private readonly ChunkTable _table;
    private readonly ChunkStore _store;
    private readonly MemberFetcher _fetcher;
    private readonly LazyTraffic _traffic;
    private readonly Lock _lock = new();
    private readonly Dictionary<int, MemberFetch> _underWay = [];
    private readonly Queue<MemberFetch> _recent = [];
    private readonly CancellationTokenSource _end = new();
    private readonly CancellationToken _ended;
    private long _demandedTo = -1;
    private int _demandBytes;

    /// <param name="name">Of the layer, for messages.</param>
    /// <param name="store">Owned from now on, as are the ranges.</param>
    internal LazySource(string name, LazyKind kind, ChunkStore store, (ChunkTable Table, IRangeSource Ranges) blob, LazyTraffic traffic)
    {
        (_kind, _store, _table, _traffic) = (kind, store, blob.Table, traffic);
        _fetcher = new MemberFetcher(name, blob.Ranges, traffic);
        _demandBytes = traffic.Options.DemandBytes;
        _ended = _end.Token;
    }

    internal ChunkTable Table => _table;

    internal bool IsFull => _store.IsFull;

    internal override int Read(long data, long offset, Span<byte> into)
    {
        try
        {
            while (!into.IsEmpty)
            {
                int number = _table.Find(data, offset);
                if (number < 0)
                {
                    return Errno.EIO;
                }

                ref readonly Chunk chunk = ref _table.Chunks[number];
                long at = offset - chunk.FileOffset;
                int length = (int)Math.Min(into.Length, chunk.Size - at);
                if (ReadChunk(number, at, into[..length]) is not 0 and int errno)
                {
                    return errno;
                }

                into = into[length..];
                offset += length;
            }

            return 0;
        }
        catch (Exception e)
        {
            // The server that asks must live: whatever it is, it is this read's fault alone.
            Log.Error("a read of a lazily fetched file failed: {Reason}", e.Message);
            return Errno.EIO;
        }
    }

    internal override bool WouldWait(long data, long offset, int length)
    {
        for (long at = offset; at < offset + length;)
        {
            int number = _table.Find(data, at);
            if (number < 0)
            {
                return false;
            }

            if (!_store.Has(number))
            {
                return true;
            }

            at = _table.Chunks[number].FileOffset + _table.Chunks[number].Size;
        }

        return false;
    }

    /// <summary>All chunks of a member are here.</summary>
    internal bool IsLocal(int member)
    {
        ref readonly Member wanted = ref _table.Members[member];
        for (int i = wanted.First; i < wanted.First + wanted.Count; i++)
        {
            if (!_store.Has(_table.InBlobOrder[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>All chunks of these members are here.</summary>
    internal bool AreLocal(int first, int end)
    {
        while (first < end && IsLocal(first))
        {
            first++;
        }

        return first >= end;
    }

    /// <summary>Fetches members that nobody waits for.</summary>
    /// <param name="first">Its number; more that follow come along as far as one request reaches.</param>
    /// <param name="end">None from this one on.</param>
    /// <returns>The first member that was not asked for. A member that another request brings already is not waited for, and one that another job has brought meanwhile is not asked for.</returns>
    internal (Task Fetch, int Next) FetchAhead(int first, int end, CancellationToken ct)
    {
        List<MemberFetch> run;
        _store.Refresh();
        lock (_lock)
        {
            run = Gather(first, end, _traffic.Options.RequestBytes);
        }

        return run.Count == 0 ? (Task.CompletedTask, first + 1) : (Task.Run(() => RunAheadAsync(run, ct), CancellationToken.None), run[^1].Member + 1);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_ended.IsCancellationRequested)
        {
            _end.Cancel();
            _fetcher.Dispose();
            _store.Dispose();
            _end.Dispose();
        }

        base.Dispose(disposing);
    }

    private int ReadChunk(int number, long at, Span<byte> into)
    {
        MemberFetch? fetch = null;
        while (fetch is null)
        {
            if (_store.TryRead(number, at, into))
            {
                _traffic.AddLocal(into.Length);
                return 0;
            }

            // None where another process, or another thread, brought it meanwhile.
            fetch = Demand(_table.Chunks[number].Member, number);
        }

        if (!fetch.IsDone)
        {
            long entered = _traffic.Enter();
            fetch.Wait(entered);
            _traffic.Leave(entered);
        }

        if (fetch.Bytes is not { } bytes)
        {
            return fetch.Errno;
        }

        bytes.AsSpan((int)(_table.Chunks[number].Inner + at), into.Length).CopyTo(into);
        return 0;
    }

    /// <summary>The member on its way, for which a request is made where there is none. Null where it is here after all.</summary>
    private MemberFetch? Demand(int member, int chunk)
    {
        List<MemberFetch> run;
        lock (_lock)
        {
            if (_underWay.TryGetValue(member, out MemberFetch? there) || (there = _recent.FirstOrDefault(f => f.Member == member)) is not null)
            {
                return there;
            }

            if (_store.HasBecome(chunk))
            {
                return null;
            }

            // Reads that follow one another get more each time, up to a whole request.
            ref readonly Member wanted = ref _table.Members[member];
            _demandBytes = wanted.Offset == _demandedTo ? Math.Min(_demandBytes * 2, _traffic.Options.RequestBytes) : _traffic.Options.DemandBytes;
            run = Gather(member, _table.Members.Length, _demandBytes);
            _demandedTo = _table.Members[run[^1].Member].End;
        }

        _ = Task.Run(() => RunAsync(run, _ended));
        return run[0];
    }

    /// <summary>A member and those after it that are missing and near, as far as one request should reach. Empty where the first is here, or on its way.</summary>
    private List<MemberFetch> Gather(int first, int end, int maxBytes)
    {
        List<MemberFetch> run = [];
        long start = _table.Members[first].Offset;
        long reached = start;
        for (int i = first; i < end; i++)
        {
            ref readonly Member member = ref _table.Members[i];
            if (run.Count > 0 && (member.End - start > maxBytes || member.Offset - reached > _traffic.Options.GapBytes))
            {
                break;
            }

            if (!IsLocal(i) && !_underWay.ContainsKey(i))
            {
                var fetch = new MemberFetch(i);
                _underWay.Add(i, fetch);
                run.Add(fetch);
                reached = member.End;
            }
            else if (run.Count == 0)
            {
                break;
            }
        }

        return run;
    }

    private async Task RunAheadAsync(List<MemberFetch> run, CancellationToken ct)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(ct, _ended);
        await RunAsync(run, both.Token);
    }

    /// <summary>Brings a run of members; at the end, whatever happens, none is waited for any more.</summary>
    private async Task RunAsync(List<MemberFetch> run, CancellationToken ct)
    {
        byte[]? packed = null;
        try
        {
            long start = _table.Members[run[0].Member].Offset;
            int length = (int)(_table.Members[run[^1].Member].End - start);
            packed = ArrayPool<byte>.Shared.Rent(length);
            string place = await _fetcher.FillAsync(packed.AsMemory(0, length), start, run, ct);
            foreach (MemberFetch fetch in run)
            {
                if (!Settle(fetch, packed, (int)(_table.Members[fetch.Member].Offset - start)))
                {
                    await MendAsync(fetch, place, ct);
                }
            }
        }
        catch (Exception e)
        {
            Log.Debug("a request for {Count} pieces of a layer ended: {Reason}", run.Count, e.Message);
        }
        finally
        {
            if (packed is not null)
            {
                ArrayPool<byte>.Shared.Return(packed);
            }

            foreach (MemberFetch fetch in run)
            {
                Leave(fetch);
            }
        }
    }

    /// <summary>A place sent wrong bytes: the others are asked, each once.</summary>
    private async Task MendAsync(MemberFetch fetch, string place, CancellationToken ct)
    {
        Member member = _table.Members[fetch.Member];
        byte[] packed = new byte[(int)(member.End - member.Offset)];
        while (!_fetcher.IsLast(place))
        {
            place = await _fetcher.FillAsync(packed, member.Offset, [fetch], ct);
            if (Settle(fetch, packed, 0))
            {
                return;
            }
        }

        _fetcher.GiveUp(member);
    }

    /// <summary>Unpacks, verifies and keeps a member that came.</summary>
    /// <returns>False where a chunk of it is wrong; then nothing of it is used.</returns>
    private bool Settle(MemberFetch fetch, byte[] packed, int at)
    {
        ref readonly Member member = ref _table.Members[fetch.Member];
        byte[]? bytes = MemberDecoder.Unpack(_kind, packed, at, (int)(member.End - member.Offset), member);
        ReadOnlySpan<int> chunks = _table.InBlobOrder.AsSpan(member.First, member.Count);
        foreach (int number in bytes is null ? [] : chunks)
        {
            ref readonly Chunk chunk = ref _table.Chunks[number];
            bytes = bytes is not null && MemberDecoder.IsRight(bytes.AsSpan((int)chunk.Inner, (int)chunk.Size), _table.Hash(number)) ? bytes : null;
        }

        if (bytes is null)
        {
            _traffic.AddWrongPiece();
            return false;
        }

        bool kept = true;
        foreach (int number in chunks)
        {
            ref readonly Chunk chunk = ref _table.Chunks[number];
            kept &= _store.Has(number) || _store.TryKeep(number, bytes.AsSpan((int)chunk.Inner, (int)chunk.Size));
        }

        fetch.Came(bytes);
        Leave(fetch, kept);
        return true;
    }

    /// <summary>Who is told that it failed must not find it again when it asks once more.</summary>
    private void Leave(MemberFetch fetch, bool kept = true)
    {
        const int MostRecent = 8;
        lock (_lock)
        {
            _underWay.Remove(fetch.Member);
            if (!kept)
            {
                _recent.Enqueue(fetch);
                while (_recent.Count > MostRecent)
                {
                    _recent.Dequeue();
                }
            }
        }

        if (!fetch.IsDone)
        {
            fetch.Failed(Errno.EIO);
        }
    }
}
