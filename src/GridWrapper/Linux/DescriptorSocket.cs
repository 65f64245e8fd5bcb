using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>One end of a socket pair that keeps messages apart, over which a child hands back a descriptor.</summary>
internal sealed unsafe class DescriptorSocket : IDisposable
{
    private const int Both = 2;
    private const int SocketLevel = 1;
    private const int Rights = 1;

    /// <summary>What stands before the descriptor.</summary>
    private const nuint ControlHead = 16;

    private readonly SafeFileHandle _socket;

    private DescriptorSocket(SafeFileHandle socket) => _socket = socket;

    /// <exception cref="LinuxException">No descriptors left.</exception>
    internal static (DescriptorSocket Own, SafeFileHandle Childs) Create()
    {
        int* fds = stackalloc int[2];
        return Libc.SocketPair(Libc.AF_UNIX, Libc.SOCK_SEQPACKET | Libc.O_CLOEXEC, 0, fds) == 0
            ? (new DescriptorSocket(new SafeFileHandle(fds[0], true)), new SafeFileHandle(fds[1], true))
            : throw new LinuxException("socketpair", "", Errno.Last);
    }

    /// <summary>Waits for a message with a descriptor; null when the other end was closed, or this one stopped.</summary>
    /// <param name="into">Takes the message.</param>
    /// <param name="length">Of the message.</param>
    internal SafeFileHandle? Receive(Span<byte> into, out int length)
    {
        fixed (byte* bytes = into)
        {
            Libc.MessagePart part = new() { Base = bytes, Length = (nuint)into.Length };
            Libc.DescriptorMessage control = default;
            Libc.MessageHeader message = new() { Parts = &part, PartCount = 1, Control = &control, ControlLength = (nuint)sizeof(Libc.DescriptorMessage) };
            nint count;
            do
            {
                count = Libc.ReceiveMessage(_socket, &message, Libc.MSG_CMSG_CLOEXEC);
            }
            while (count < 0 && Errno.Last == Errno.EINTR);
            length = (int)Math.Max(count, 0);
            bool isDescriptor = count > 0 && message.ControlLength >= ControlHead + sizeof(int)
                && control is { Level: SocketLevel, Type: Rights };
            return isDescriptor ? new SafeFileHandle(control.Descriptor, ownsHandle: true) : null;
        }
    }

    /// <summary>One byte for the other side; nothing where it is gone, or this one closed.</summary>
    internal void Send(byte value)
    {
        if (!_socket.IsClosed)
        {
            _ = Libc.Send(_socket, &value, 1, Libc.MSG_NOSIGNAL);
        }
    }

    /// <summary>Ends a wait of <see cref="Receive"/>, and tells the other side that nothing more will come.</summary>
    internal void Stop() => _ = Libc.Shutdown(_socket, Both);

    public void Dispose() => _socket.Dispose();
}
