using System.Net;
using System.Net.Sockets;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>A wire to a server of this machine that damages or stops what a client sends.</summary>
internal sealed class FaultyWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly int _target;
    private readonly Fault _fault;
    private readonly int _times;
    private readonly Task _loop;
    private int _left;

    /// <param name="target">The server's port.</param>
    /// <param name="fault">What happens after 100 kB of a connection.</param>
    /// <param name="times">To how many connections that carry so much.</param>
    internal FaultyWire(int target, Fault fault, int times)
    {
        (_target, _fault, _left, _times) = (target, fault, times, times);
        _listener.Start();
        _loop = Task.Run(LoopAsync);
    }

    internal enum Fault
    {
        Damage,
        Stop,
    }

    /// <summary>It has done so at least once.</summary>
    internal bool HasFailed => Volatile.Read(ref _left) < _times;

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _loop;
        _end.Dispose();
    }

    private async Task LoopAsync()
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_end.Token);
                _ = Task.Run(() => ServeAsync(client));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // Disposed.
            return;
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (TcpClient server = new())
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _target, _end.Token);
                await Task.WhenAny(SendAsync(client.GetStream(), server.GetStream()), server.GetStream().CopyToAsync(client.GetStream(), _end.Token));
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // One end is gone.
                return;
            }
        }
    }

    private async Task SendAsync(NetworkStream from, NetworkStream to)
    {
        byte[] piece = new byte[16 * 1024];
        long sent = 0;
        bool done = false;
        for (int got; (got = await from.ReadAsync(piece, _end.Token)) > 0; sent += got)
        {
            if (sent > 100_000 && !done)
            {
                done = true;
                if (Interlocked.Decrement(ref _left) >= 0)
                {
                    await FailAsync(piece);
                }
            }

            await to.WriteAsync(piece.AsMemory(0, got), _end.Token);
        }
    }

    private async Task FailAsync(byte[] piece)
    {
        if (_fault == Fault.Stop)
        {
            await Task.Delay(Timeout.Infinite, _end.Token);
        }

        piece[0] ^= 0xff;
    }
}
