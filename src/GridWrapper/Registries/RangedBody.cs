using GridWrapper.Diagnostics;
using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>
/// The body of a large blob. It begins as one stream. Where the server turns out to be what is waited for, as it does behind a long way or a limit for each connection, the rest is
/// fetched in pieces, several at a time and ahead of the reader, each over a connection of its own. The bytes come out in their order, so that digest and unpacking go on as
/// before; what is held in memory is the pieces in flight and nothing else. A server that knows no ranges, or is quick, keeps its one stream.
/// </summary>
internal sealed class RangedBody : ForwardStream
{
    /// <summary>Breaks of one piece with nothing in between.</summary>
    private const int MostFutile = 4;

    private static readonly RoomLog Log = new(nameof(RangedBody));
    private readonly CancellationTokenSource _end = new();
    private readonly Queue<Task<Piece?>> _ahead = [];
    private readonly Stack<byte[]> _buffers = [];
    private readonly RangePlan _plan;
    private readonly RangeSettings _settings;
    private readonly long _began;
    private Stream? _single;
    private Piece? _piece;
    private TimeSpan _waited;
    private long _position;
    private long _asked;
    private long _switchAt = long.MaxValue;
    private bool _decided;

    /// <param name="single">The body from its first byte on, which mends itself.</param>
    internal RangedBody(Stream single, RangePlan plan)
    {
        _single = single;
        _plan = plan;
        _settings = plan.Settings;
        _began = plan.Clock.GetTimestamp();
    }

    public override long Length => _plan.SizeBytes;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    /// <summary>Bodies are read asynchronously only.</summary>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_single is not null && _position < _switchAt)
        {
            int room = (int)Math.Min(buffer.Length, _switchAt - _position);
            long began = _plan.Clock.GetTimestamp();
            int got = await _single.ReadAsync(buffer[..room], cancellationToken);
            _waited += _plan.Clock.GetElapsedTime(began);
            _position += got;
            Decide();
            return got;
        }

        return _position >= _plan.SizeBytes ? 0 : await ReadPieceAsync(buffer, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _single?.Dispose();
            Forget();
            _end.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Once, after the first few megabytes: was it the server that was waited for?</summary>
    private void Decide()
    {
        if (_decided || _position < _settings.TrialBytes)
        {
            return;
        }

        _decided = true;
        TimeSpan elapsed = _plan.Clock.GetElapsedTime(_began);
        double rate = _position / Math.Max(elapsed.TotalSeconds, 1e-6);
        if (_waited < elapsed * _settings.LeastWaiting || rate > _settings.FastEnough || _plan.SizeBytes - _position < 2L * _settings.Ahead * _settings.PieceBytes)
        {
            return;
        }

        // The one stream goes on to here while the first pieces are on their way.
        _switchAt = _asked = _position + _settings.PieceBytes;
        Log.Info("a blob of {Size} bytes comes at {Rate:0.0} MB/s: the rest is fetched {Ahead} pieces at a time", _plan.SizeBytes, rate / 1e6, _settings.Ahead);
        Ask();
    }

    private async ValueTask<int> ReadPieceAsync(Memory<byte> buffer, CancellationToken ct)
    {
        if (_piece is null || _piece.Left == 0)
        {
            if (_piece is not null)
            {
                _buffers.Push(_piece.Bytes);
                _piece = null;
            }

            Ask();
            _piece = await _ahead.Dequeue().WaitAsync(ct);
            if (_piece is null)
            {
                return await GoOnAloneAsync(buffer, ct);
            }

            if (_single is not null)
            {
                await _single.DisposeAsync();
                _single = null;
            }
        }

        int got = _piece.Take(buffer.Span);
        _position += got;
        _plan.Progress?.Reached(_position);
        return got;
    }

    /// <summary>The server knows no ranges after all, which shows with the first piece: the one stream is still there.</summary>
    private ValueTask<int> GoOnAloneAsync(Memory<byte> buffer, CancellationToken ct)
    {
        if (_single is null)
        {
            throw _plan.GivenUp(1, new TransferBrokenException("the server sent ranges, and then sends none any more", null));
        }

        Log.Info("the server sends no ranges: one stream has to do");
        Forget();
        _switchAt = long.MaxValue;
        return ReadAsync(buffer, ct);
    }

    private void Ask()
    {
        while (_ahead.Count < _settings.Ahead && _asked < _plan.SizeBytes)
        {
            int length = (int)Math.Min(_settings.PieceBytes, _plan.SizeBytes - _asked);
            _ahead.Enqueue(FetchAsync(_buffers.TryPop(out byte[]? used) ? used : new byte[_settings.PieceBytes], _asked, length));
            _asked += length;
        }
    }

    /// <summary>One piece, asked for again from where it broke.</summary>
    /// <returns>Null where the server sends no ranges.</returns>
    private async Task<Piece?> FetchAsync(byte[] bytes, long from, int length)
    {
        CancellationToken ct = _end.Token;
        int got = 0;
        int futile = 0;
        TransferBrokenException? last = null;
        while (got < length)
        {
            int before = got;
            try
            {
                await using Stream? body = await _plan.Open(from + got, from + length - 1, ct);
                if (body is null)
                {
                    return null;
                }

                for (int more = 1; more > 0 && got < length; got += more)
                {
                    more = await body.ReadAsync(bytes.AsMemory(got, length - got), ct);
                }
            }
            catch (TransferBrokenException e)
            {
                Log.Info("a piece goes on at byte {Position}: {Reason}", from + got, e.Message);
                last = e;
            }

            futile = got > before ? 0 : futile + 1;
            if (futile > MostFutile)
            {
                throw _plan.GivenUp(futile, last ?? new TransferBrokenException($"the bytes {from + got} to {from + length - 1} do not come", null));
            }
        }

        return new Piece(bytes, length);
    }

    /// <summary>What was asked for and is not wanted any more: how it ends is nobody's concern.</summary>
    private void Forget()
    {
        _end.Cancel();
        foreach (Task<Piece?> task in _ahead)
        {
            _ = task.ContinueWith(t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }

        _ahead.Clear();
    }

    private sealed class Piece(byte[] bytes, int length)
    {
        private int _taken;

        internal byte[] Bytes => bytes;

        internal int Left => length - _taken;

        internal int Take(Span<byte> target)
        {
            int count = Math.Min(target.Length, Left);
            bytes.AsSpan(_taken, count).CopyTo(target);
            _taken += count;
            return count;
        }
    }
}
