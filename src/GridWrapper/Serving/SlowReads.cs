using System.Diagnostics.CodeAnalysis;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>Threads for reads that wait for the network: as many as there are reads, up to a limit, and none when there are none for a while.</summary>
internal sealed class SlowReads(RequestDevice device, Action<double> ended) : ISlowReads, IDisposable
{
    private const int MaximumThreads = 64;
    private const int StackBytes = 256 * 1024;
    private const int EarlyKept = 256;
    private static readonly TimeSpan Leisure = TimeSpan.FromSeconds(10);
    private static readonly RoomLog Log = new(nameof(SlowReads));

    private readonly object _lock = new();
    private readonly Queue<SlowRead> _waiting = new();

    /// <summary>Requests being read, and not interrupted, by thread.</summary>
    private readonly ulong[] _running = new ulong[MaximumThreads];

    /// <summary>Interrupted before they came. The oldest is forgotten first.</summary>
    private readonly ulong[] _early = new ulong[EarlyKept];
    private readonly bool[] _alive = new bool[MaximumThreads];
    private int _nextEarly;
    private int _idle;
    private bool _stopped;

    /// <summary>Reads that were taken.</summary>
    internal long Count { get; private set; }

    public void Take(in SlowRead read)
    {
        int errno = Errno.EINTR;
        lock (_lock)
        {
            Count++;
            int early = Array.IndexOf(_early, read.Unique);
            if (early < 0 && !_stopped)
            {
                if (_waiting.Count < _idle || StartOne())
                {
                    _waiting.Enqueue(read);
                    Monitor.Pulse(_lock);
                    return;
                }

                errno = Errno.EIO;
            }

            if (early >= 0)
            {
                _early[early] = 0;
            }
        }

        Refuse(read.Unique, errno);
    }

    public void Interrupt(ulong unique)
    {
        lock (_lock)
        {
            int running = Array.IndexOf(_running, unique);
            if (running >= 0)
            {
                _running[running] = 0;
            }
            else if (!Withdraw(unique))
            {
                _early[_nextEarly++ % EarlyKept] = unique;
                return;
            }
        }

        Refuse(unique, Errno.EINTR);
    }

    /// <summary>Nothing is begun any more; what waits for the network is left to its own end.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _stopped = true;
            _waiting.Clear();
            Monitor.PulseAll(_lock);
        }
    }

    private bool Withdraw(ulong unique)
    {
        bool found = false;
        for (int left = _waiting.Count; left > 0; left--)
        {
            SlowRead read = _waiting.Dequeue();
            if (read.Unique == unique)
            {
                found = true;
            }
            else
            {
                _waiting.Enqueue(read);
            }
        }

        return found;
    }

    /// <summary>One more thread, where memory and the user's limits allow it; false where there is none at all.</summary>
    private bool StartOne()
    {
        int slot = Array.IndexOf(_alive, false);
        if (slot < 0)
        {
            return true;
        }

        NativeBuffer? reply = null;
        try
        {
            reply = new NativeBuffer(FuseWire.OutHeader + FuseWire.MaximumRead);
            NativeBuffer own = reply;
            new Thread(() => Live(slot, own), StackBytes) { IsBackground = true, Name = "serve-wait" }.Start();
            _alive[slot] = true;
            return true;
        }
        catch (Exception e) when (e is LinuxException or OutOfMemoryException or ThreadStartException)
        {
            Log.Warn("no further thread for reads that wait: {Message}", e.Message);
            reply?.Dispose();
            return Array.IndexOf(_alive, true) >= 0;
        }
    }

    private void Live(int slot, NativeBuffer buffer)
    {
        using NativeBuffer reply = buffer;
        while (Next(slot) is { } read)
        {
            int result = Result(read, reply);
            bool wanted;
            lock (_lock)
            {
                wanted = _running[slot] == read.Unique;
                _running[slot] = 0;
            }

            if (wanted)
            {
                FuseServer.Send(device, reply, FuseAnswers.Head(reply.Span, read.Unique, result));
            }
        }

        ended(RequestDevice.ThreadSeconds());
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "one read fails, not the file system of a running payload")]
    private static int Result(in SlowRead read, NativeBuffer reply)
    {
        try
        {
            int errno = read.Source.Read(read.Data, read.Offset, reply.Span.Slice(FuseWire.OutHeader, read.Length));
            return errno == 0 ? read.Length : -Math.Abs(errno);
        }
        catch (Exception e)
        {
            Log.Warn(e, "{Length} bytes at {Offset} of file {Data} could not be read", read.Length, read.Offset, read.Data);
            return -Errno.EIO;
        }
    }

    private SlowRead? Next(int slot)
    {
        lock (_lock)
        {
            _idle++;
            while (_waiting.Count == 0 && !_stopped)
            {
                if (!Monitor.Wait(_lock, Leisure) && _waiting.Count == 0)
                {
                    break;
                }
            }

            _idle--;
            if (_waiting.Count == 0)
            {
                _alive[slot] = false;
                return null;
            }

            SlowRead read = _waiting.Dequeue();
            _running[slot] = read.Unique;
            return read;
        }
    }

    private void Refuse(ulong unique, int errno)
    {
        using NativeBuffer reply = new(FuseWire.OutHeader);
        FuseServer.Send(device, reply, FuseAnswers.Head(reply.Span, unique, -errno));
    }
}
