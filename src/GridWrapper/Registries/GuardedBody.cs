using System.Net.Http;
using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>The body of an answer while it comes in: counted, and given up as broken when it stalls or the connection is lost. Owns the answer.</summary>
internal sealed class GuardedBody : ForwardStream
{
    /// <summary>What a server must send in twice the stall time to be worth waiting for.</summary>
    private const long LeastBytes = 16 * 1024;

    private readonly Stream _inner;
    private readonly HttpResponseMessage _response;
    private readonly TransferCounter _counter;
    private readonly TimeSpan _stall;
    private readonly string _url;
    private readonly CancellationTokenSource _timer;
    private readonly TimeProvider _clock;
    private long _position;
    private TimeSpan _waited;
    private long _gotWhileWaiting;

    internal GuardedBody(Stream inner, HttpResponseMessage response, BodyGuard guard)
    {
        _inner = inner;
        _response = response;
        _counter = guard.Counter;
        _stall = guard.Stall;
        _clock = guard.Clock;
        _url = RegistryFault.Redact(response.RequestMessage!.RequestUri!);
        _timer = new CancellationTokenSource(Timeout.InfiniteTimeSpan, guard.Clock);
    }

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
        long began = _clock.GetTimestamp();
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _timer.Token);
        try
        {
            int got = await _inner.ReadAsync(buffer, both.Token);
            _position += got;
            _counter.AddBytes(got);
            CheckPace(_clock.GetElapsedTime(began), got);
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

    /// <summary>A byte now and then is no transfer either. Only time spent waiting for the server counts, not time in which the disk was slower.</summary>
    private void CheckPace(TimeSpan waited, int got)
    {
        _waited += waited;
        _gotWhileWaiting += got;
        if (_waited < _stall * 2 || got == 0)
        {
            return;
        }

        if (_gotWhileWaiting < LeastBytes)
        {
            throw new TransferBrokenException($"{_url} sent only {_gotWhileWaiting} bytes in {_waited.TotalSeconds:0.#} s, after {_position} bytes in all", null);
        }

        (_waited, _gotWhileWaiting) = (TimeSpan.Zero, 0);
    }

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
