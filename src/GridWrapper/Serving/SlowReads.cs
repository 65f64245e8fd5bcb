using System.Diagnostics.CodeAnalysis;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>Threads for reads that wait for the network: as many as there are reads, up to a limit, and none when there are none for a while.</summary>
internal sealed class SlowReads(RequestDevice device, Action<Thread, double> ended) : ISlowReads, IDisposable
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
        lock (_lock)
        {
            Count++;
            int early = Array.IndexOf(_early, read.Unique);
            if (early < 0 && !_stopped)
            {
                _waiting.Enqueue(read);
                if (_waiting.Count > _idle)
                {
                    StartOne();
                }

                Monitor.Pulse(_lock);
                return;
            }

            if (early >= 0)
            {
                _early[early] = 0;
            }
        }

        Refuse(read.Unique);
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

        Refuse(unique);
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

    private void StartOne()
    {
        int slot = Array.IndexOf(_alive, false);
        if (slot >= 0)
        {
            _alive[slot] = true;
            new Thread(() => Live(slot), StackBytes) { IsBackground = true, Name = "serve-wait" }.Start();
        }
    }

    private void Live(int slot)
    {
        using NativeBuffer reply = new(FuseWire.OutHeader + FuseWire.MaximumRead);
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

        ended(Thread.CurrentThread, RequestDevice.ThreadSeconds());
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

    private void Refuse(ulong unique)
    {
        using NativeBuffer reply = new(FuseWire.OutHeader);
        FuseServer.Send(device, reply, FuseAnswers.Head(reply.Span, unique, -Errno.EINTR));
    }
}
