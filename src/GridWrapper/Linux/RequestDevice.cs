using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>
/// A descriptor that gives one whole request per read and takes one whole reply per write: /dev/fuse, opened without waiting. Several threads use it at once; whoever still does
/// when it is closed is told so, and never meets another file that got its number.
/// </summary>
internal sealed unsafe class RequestDevice : IDisposable
{
    private const int NonBlocking = 0x800;
    private const short In = 1;

    private readonly SafeFileHandle _device;
    private readonly SafeFileHandle _stop;

    /// <exception cref="LinuxException">No descriptors left.</exception>
    internal RequestDevice(SafeFileHandle device)
    {
        _device = device;
        int stop = Libc.EventFd(0, Libc.O_CLOEXEC | NonBlocking);
        _stop = stop >= 0 ? new SafeFileHandle(stop, ownsHandle: true) : throw new LinuxException("eventfd", "", Errno.Last);
    }

    /// <summary>The next request, or minus the errno: EAGAIN where there is none now.</summary>
    internal int Read(NativeBuffer into)
    {
        try
        {
            nint count = Libc.ReadDevice(_device, into.Pointer, into.Length);
            return count >= 0 ? (int)count : -Errno.Last;
        }
        catch (ObjectDisposedException)
        {
            return -Errno.EBADF;
        }
    }

    /// <summary>0, or the errno.</summary>
    internal int Write(NativeBuffer reply, int length)
    {
        try
        {
            return Libc.WriteDevice(_device, reply.Pointer, length) == length ? 0 : Errno.Last;
        }
        catch (ObjectDisposedException)
        {
            return Errno.EBADF;
        }
    }

    /// <summary>Waits until there may be a request; false once it is to stop.</summary>
    internal bool Wait()
    {
        Libc.PollFd* both = stackalloc Libc.PollFd[2];
        try
        {
            both[0] = new() { Fd = (int)_device.DangerousGetHandle(), Events = In };
            both[1] = new() { Fd = (int)_stop.DangerousGetHandle(), Events = In };
            while (Libc.Poll(both, 2, -1) < 0 && Errno.Last == Errno.EINTR)
            {
            }

            return both[1].Returned == 0;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Every wait ends, now and later.</summary>
    internal void Stop()
    {
        ulong one = 1;
        _ = Libc.WriteDevice(_stop, (byte*)&one, sizeof(ulong));
    }

    /// <summary>Processor time of the calling thread.</summary>
    internal static double ThreadSeconds()
    {
        long* time = stackalloc long[2];
        return Libc.GetClock(Libc.ThreadCpuClock, time) == 0 ? time[0] + (time[1] / 1e9) : 0;
    }

    public void Dispose()
    {
        _device.Dispose();
        _stop.Dispose();
    }
}

/// <summary>Memory that no collector moves, in whole pages: those that were never written to take none, and all go back to the system at the end.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    private byte* _bytes;

    internal NativeBuffer(int length)
    {
        byte* bytes = Libc.MapMemory(null, (nuint)length, ReadWrite, PrivateAnonymous, -1, 0);
        _bytes = (nint)bytes != -1 ? bytes : throw new LinuxException("mmap", "", Errno.Last);
        Length = length;
    }

    ~NativeBuffer() => Free();

    internal int Length { get; }

    internal byte* Pointer => _bytes != null ? _bytes : throw new ObjectDisposedException(nameof(NativeBuffer));

    internal Span<byte> Span => new(Pointer, Length);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_bytes != null)
        {
            _ = Libc.UnmapMemory(_bytes, (nuint)Length);
            _bytes = null;
        }
    }
}
