using System.Buffers.Binary;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;
using GridWrapper.Serving;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>
/// The server of one launch's root, in this process. The helper mounts the file system in the launch's namespaces and hands the device back over a socket; from then on the
/// mount lives as long as this process holds it, and ends with it.
/// </summary>
internal sealed class ServedLaunch : IDisposable
{
    /// <summary>The helper's two ids stand before what it says of the operations' sources.</summary>
    private const int IdBytes = 8;
    private const int MostOperations = 2048;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly RoomLog Log = new(nameof(ServedLaunch));

    private readonly ServedRoot _root;
    private readonly ImmutableArray<LaunchOperation> _operations;
    private readonly DescriptorSocket _socket;
    private readonly SafeFileHandle _childs;
    private readonly Lock _lock = new();
    private Thread? _thread;
    private FuseServer? _server;
    private bool _ended;

    /// <exception cref="LinuxException">No descriptors left.</exception>
    internal ServedLaunch(ServedRoot root, ImmutableArray<LaunchOperation> operations)
    {
        (_root, _operations) = (root, operations);
        (_socket, _childs) = DescriptorSocket.Create();
    }

    /// <summary>For the helper.</summary>
    internal SafeFileHandle Childs => _childs;

    /// <summary>The helper has been started and holds its end: when that is closed, nothing will come any more.</summary>
    internal void Begin()
    {
        _childs.Dispose();
        _thread = new Thread(Live, 256 * 1024) { IsBackground = true, Name = "serve-start" };
        _thread.Start();
    }

    /// <summary>Ends the server; null where it did not come to serve.</summary>
    internal ServingFigures? End()
    {
        lock (_lock)
        {
            _ended = true;
        }

        _socket.Stop();
        _ = _thread?.Join(Patience);
        _server?.Stop(Patience);
        return _server?.Figures;
    }

    public void Dispose()
    {
        _ = End();
        _server?.Dispose();
        _childs.Dispose();
        _socket.Dispose();
    }

    private void Live()
    {
        try
        {
            FuseWarmUp.Run();
            byte[] message = new byte[IdBytes + MostOperations];
            if (_socket.Receive(message, out int length) is { } device)
            {
                Serve(device, message.AsSpan(0, length));
            }
        }
        catch (Exception e) when (e is LinuxException or OutOfMemoryException or OverflowException or InvalidOperationException)
        {
            Log.Error("the root cannot be served: {Message}", e.Message);
            _socket.Stop();
        }
    }

    private void Serve(SafeFileHandle device, ReadOnlySpan<byte> message)
    {
        if (message.Length < IdBytes)
        {
            device.Dispose();
            return;
        }

        if (!_root.IsStack)
        {
            ServedScaffolds.Make(_root.Table, _operations, message[IdBytes..]);
        }

        ServedTree tree = new(_root, BinaryPrimitives.ReadUInt32LittleEndian(message), BinaryPrimitives.ReadUInt32LittleEndian(message[4..]));
        FuseServer server = new(new RequestDevice(device), tree, () => _socket.Send(1));
        lock (_lock)
        {
            if (_ended)
            {
                server.Dispose();
                return;
            }

            _server = server;
            server.Start();
        }
    }
}
