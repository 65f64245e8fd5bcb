using System.Net.Http;
using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>The body of an answer while it comes in: counted, and given up as broken when it stalls or the connection is lost. Owns the answer.</summary>
internal sealed class GuardedBody : Stream
{
    private readonly Stream _inner;
    private readonly HttpResponseMessage _response;
    private readonly TransferCounter _counter;
    private readonly TimeSpan _stall;
    private readonly string _url;
    private readonly CancellationTokenSource _timer;
    private long _position;

    internal GuardedBody(Stream inner, HttpResponseMessage response, BodyGuard guard)
    {
        _inner = inner;
        _response = response;
        _counter = guard.Counter;
        _stall = guard.Stall;
        _url = RegistryFault.Redact(response.RequestMessage!.RequestUri!);
        _timer = new CancellationTokenSource(Timeout.InfiniteTimeSpan, guard.Clock);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    /// <summary>Bodies are read asynchronously only: a blocked read could not be given up.</summary>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _timer.CancelAfter(_stall);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _timer.Token);
        try
        {
            int got = await _inner.ReadAsync(buffer, both.Token);
            _position += got;
            _counter.AddBytes(got);
            return got;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TransferBrokenException($"{_url} sent nothing for {_stall.TotalSeconds:0.#} s after {_position} bytes", e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new TransferBrokenException($"{_url} broke off after {_position} bytes: {e.Message}", e);
        }
        finally
        {
            _timer.CancelAfter(Timeout.InfiniteTimeSpan);
        }
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _inner.Dispose();
            _response.Dispose();
            _timer.Dispose();
        }

        base.Dispose(disposing);
    }
}

/// <summary>How a body is watched over.</summary>
/// <param name="Stall">Longest time between two pieces.</param>
internal sealed record BodyGuard(TimeSpan Stall, TransferCounter Counter, TimeProvider Clock);
