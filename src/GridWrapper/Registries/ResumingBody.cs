using GridWrapper.Diagnostics;
using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>
/// The body of a blob that goes on where it broke off: the rest is asked for again as a range, as often as something new came in between.
/// The digest is computed by who reads, over all pieces, so that a wrong piece is found wherever it came from.
/// </summary>
internal sealed class ResumingBody : ForwardStream
{
    /// <summary>Breaks with next to nothing in between.</summary>
    private const int MostFutile = 4;

    /// <summary>A server that breaks off before it sent this much gets nowhere.</summary>
    private const long Progress = 16 * 1024;

    private static readonly RoomLog Log = new(nameof(ResumingBody));
    private readonly ResumePlan _plan;
    private Stream _body;
    private long _position;
    private long _reached;
    private int _futile;

    /// <param name="body">The body from its first byte.</param>
    internal ResumingBody(Stream body, ResumePlan plan)
    {
        _body = body;
        _plan = plan;
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
        while (true)
        {
            TransferBrokenException? broken = null;
            try
            {
                int got = await _body.ReadAsync(buffer, cancellationToken);
                if (got > 0 || _position >= _plan.SizeBytes)
                {
                    _position += got;
                    _plan.Progress?.Reached(_position);
                    return got;
                }
            }
            catch (TransferBrokenException e)
            {
                broken = e;
            }

            if (!await ResumeAsync(broken, cancellationToken))
            {
                return 0;
            }
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _body.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Asks for the rest. False after too many ends without an error: whoever checks the length says what is missing.</summary>
    private async Task<bool> ResumeAsync(TransferBrokenException? broken, CancellationToken ct)
    {
        _futile = _position >= _reached + Progress ? 1 : _futile + 1;
        _reached = Math.Max(_reached, _position);
        if (_futile > MostFutile)
        {
            return broken is null ? false : throw _plan.GivenUp(_futile, broken);
        }

        Log.Info("a transfer goes on at byte {Position} of {Size}: {Reason}", _position, _plan.SizeBytes, broken?.Message ?? "it ended too early");
        await _body.DisposeAsync();
        RetrySettings retries = _plan.Retries;
        await Task.Delay(retries.FirstDelay * (_futile == 1 ? 0 : 1 << _futile) * (0.5 + (retries.Randomizer() / 2)), retries.Clock, ct);
        _body = await _plan.OpenAt(_position, ct);
        return true;
    }
}

/// <summary>How a broken body is continued.</summary>
/// <param name="OpenAt">The body from a byte on.</param>
/// <param name="GivenUp">The failure after so many breaks.</param>
internal sealed record ResumePlan(long SizeBytes, Func<long, CancellationToken, Task<Stream>> OpenAt, Func<int, TransferBrokenException, Exception> GivenUp, RetrySettings Retries)
{
    /// <summary>Told how far the blob is.</summary>
    public PullProgress.Blob? Progress { get; init; }
}
