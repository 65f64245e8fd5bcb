using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>
/// Serves one mounted tree. One thread reads requests and answers them: a single-threaded payload is served fastest by the thread that just served it. Others come to help while
/// requests wait, and rest when none do; when the one that waits for requests is held up by a read (a slow disk), another takes its place.
/// </summary>
internal sealed class FuseServer : IDisposable
{
    /// <summary>So many requests in a row that were there already mean that more hands are needed.</summary>
    private const int Backlog = 4;
    private const int MostHelpers = 15;

    /// <summary>Replaced readers are held up by disks, and do not count as helpers.</summary>
    private const int MostThreads = 64;
    private const int HeldUpMilliseconds = 3;
    private static readonly TimeSpan Leisure = TimeSpan.FromSeconds(10);
    private static readonly RoomLog Log = new(nameof(FuseServer));

    private readonly RequestDevice _device;
    private readonly ServedTree _tree;
    private readonly SlowReads _slow;
    private readonly Action? _answered;
    private readonly int _mostHelpers;
    private readonly object _lock = new();
    private readonly List<FuseReader> _readers = [];
    private readonly object _watch = new();
    private readonly object _pause = new();

    /// <summary>The counts of the readers that have ended.</summary>
    private readonly FuseAnswers _past;
    private readonly ServingThreads _threads = new();
    private FuseReader? _leader;
    private int _resting;
    private int _calls;
    private int _reads;
    private bool _ended;
    private bool _stopped;

    /// <param name="device">Mounted, and nobody's any more when the server ends.</param>
    /// <param name="tree">What is served.</param>
    /// <param name="answered">Called when the kernel has been told the terms: from now on the mount answers.</param>
    internal FuseServer(RequestDevice device, ServedTree tree, Action? answered)
    {
        (_device, _tree, _answered) = (device, tree, answered);
        _slow = new SlowReads(device, _threads.Account);
        _past = new FuseAnswers(tree, null);
        _mostHelpers = Math.Clamp(Environment.ProcessorCount - 1, 1, MostHelpers);
    }

    /// <summary>Also while it serves.</summary>
    internal ServingFigures Figures
    {
        get
        {
            lock (_lock)
            {
                return ServingFigures.Of([_past, .. _readers.Select(r => r.Answers)], _slow.Count, _threads.ProcessorSeconds, _tree.Touches.Order);
            }
        }
    }

    /// <summary>Threads that read requests now.</summary>
    internal int Readers
    {
        get
        {
            lock (_lock)
            {
                return _readers.Count;
            }
        }
    }

    internal void Start()
    {
        lock (_lock)
        {
            StartReader();
        }

        _threads.Start(WatchLeader, "serve-watch");
    }

    /// <summary>Ends the mount: what still uses it is told that it is gone. A thread that is held up by a disk or waits for the network is left to its own end.</summary>
    internal void Stop(TimeSpan patience)
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        End();
        if (_threads.End(patience) is > 0 and var left)
        {
            Log.Warn("{Count} threads of the served root have not ended", left);
        }

        _device.Dispose();
    }

    public void Dispose()
    {
        Stop(TimeSpan.Zero);
        _slow.Dispose();
        _threads.Dispose();
    }

    /// <summary>Sends a reply. The kernel no longer wanting it is nothing special.</summary>
    internal static void Send(RequestDevice device, NativeBuffer reply, int length)
    {
        int errno = device.Write(reply, length);
        if (errno == Errno.EINVAL)
        {
            Log.Error("the kernel refused a reply of {Length} bytes", length);
        }
    }

    private void StartReader()
    {
        if (!_ended && _readers.Count < MostThreads)
        {
            FuseReader reader = new(_tree, _slow);
            _readers.Add(reader);
            try
            {
                _threads.Start(() => Live(reader), "serve");
            }
            catch
            {
                _ = _readers.Remove(reader);
                reader.Dispose();
                throw;
            }
        }
    }

    /// <summary>One more, where memory and the user's limits allow it.</summary>
    private void StartHelper()
    {
        try
        {
            StartReader();
        }
        catch (Exception e) when (e is LinuxException or OutOfMemoryException or ThreadStartException)
        {
            Log.Warn("no further thread for the served root: {Message}", e.Message);
        }
    }

    private void Live(FuseReader reader)
    {
        int streak = 0;
        while (!Volatile.Read(ref _ended))
        {
            int count = _device.Read(reader.Request);
            if (count > 0)
            {
                streak = streak < Backlog ? streak + 1 : CallHelp();
                Handle(reader, count);
            }
            else if (count == -Errno.EAGAIN)
            {
                streak = 0;
                if (IsLeader(reader) ? !_device.Wait() : !Rest())
                {
                    break;
                }
            }
            else if (count is not (-Errno.ENOENT or -Errno.EINTR))
            {
                Told(count);
                End();
            }
        }

        Leave(reader);
    }

    private static void Told(int count)
    {
        if (count is not (0 or -Errno.ENODEV or -Errno.ECONNABORTED or -Errno.EBADF))
        {
            Log.Error("requests for the served root cannot be read any more: {Errno}", Errno.Name(-count));
        }
    }

    private void Handle(FuseReader reader, int count)
    {
        ReadOnlySpan<byte> request = reader.Request.Span[..count];
        uint opcode = count >= FuseWire.InHeader ? System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(request[4..]) : 0;
        bool isRead = opcode == FuseWire.Read;
        if (isRead)
        {
            // Whoever took a held up leader's place may be held up as well.
            _ = IsLeader(reader);
            Volatile.Write(ref reader.Turn, reader.Turn + 1);
            NoteRead();
        }

        int length = reader.Answers.Answer(request, reader.Reply.Span);
        if (isRead)
        {
            Volatile.Write(ref reader.Turn, reader.Turn + 1);
        }

        if (length != FuseAnswers.Silence)
        {
            Send(_device, reader.Reply, length);
        }

        if (opcode == FuseWire.Init && _tree.Terms is not null)
        {
            _answered?.Invoke();
        }
    }

    /// <summary>Wakes the watch over the leader, which sleeps while nothing is read. Either the watch sees the read, or this sees that the watch is about to sleep.</summary>
    private void NoteRead()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _reads) == 0 && Interlocked.Exchange(ref _reads, 1) == 0)
        {
            lock (_watch)
            {
                Monitor.PulseAll(_watch);
            }
        }
    }

    private bool IsLeader(FuseReader reader) => ReferenceEquals(Volatile.Read(ref _leader), reader) || Interlocked.CompareExchange(ref _leader, reader, null) is null;

    private int CallHelp()
    {
        lock (_lock)
        {
            if (_resting > _calls)
            {
                _calls++;
                Monitor.PulseAll(_lock);
            }
            else if (_readers.Count <= _mostHelpers)
            {
                StartHelper();
            }
        }

        return 0;
    }

    /// <summary>Until it is called; false when it is not needed any more.</summary>
    private bool Rest()
    {
        lock (_lock)
        {
            _resting++;
            long until = Environment.TickCount64 + (Leisure.Ticks / TimeSpan.TicksPerMillisecond);
            while (_calls == 0 && !_ended && Environment.TickCount64 < until)
            {
                _ = Monitor.Wait(_lock, (int)Math.Max(1, until - Environment.TickCount64));
            }

            _resting--;
            bool called = _calls > 0;
            _calls -= called ? 1 : 0;
            return called && !_ended;
        }
    }

    private void Leave(FuseReader reader)
    {
        lock (_lock)
        {
            _ = _readers.Remove(reader);
            _past.AddCounts(reader.Answers);
            _ = Interlocked.CompareExchange(ref _leader, null, reader);
        }

        reader.Dispose();
    }

    /// <summary>A leader that is at the same read as a moment ago is replaced.</summary>
    private void WatchLeader()
    {
        while (WaitForRead())
        {
            FuseReader? leader = Volatile.Read(ref _leader);
            long turn = Turn(leader);
            lock (_pause)
            {
                _ = !Volatile.Read(ref _ended) && Monitor.Wait(_pause, HeldUpMilliseconds);
            }

            Volatile.Write(ref _reads, 0);
            Interlocked.MemoryBarrier();
            if (turn % 2 != 0 && Turn(leader) == turn)
            {
                Replace(leader!);
            }
            else if (Turn(Volatile.Read(ref _leader)) % 2 != 0)
            {
                Volatile.Write(ref _reads, 1);
            }
        }
    }

    private bool WaitForRead()
    {
        lock (_watch)
        {
            while (Volatile.Read(ref _reads) == 0 && !Volatile.Read(ref _ended))
            {
                _ = Monitor.Wait(_watch);
            }
        }

        return !Volatile.Read(ref _ended);
    }

    private static long Turn(FuseReader? reader) => reader is null ? 0 : Volatile.Read(ref reader.Turn);

    private void Replace(FuseReader leader)
    {
        lock (_lock)
        {
            if (Interlocked.CompareExchange(ref _leader, null, leader) != leader)
            {
                return;
            }

            if (_resting > _calls)
            {
                _calls++;
                Monitor.PulseAll(_lock);
            }
            else
            {
                StartHelper();
            }
        }
    }

    private void End()
    {
        lock (_lock)
        {
            _ended = true;
            Monitor.PulseAll(_lock);
        }

        lock (_watch)
        {
            Monitor.PulseAll(_watch);
        }

        lock (_pause)
        {
            Monitor.PulseAll(_pause);
        }

        _device.Stop();
        _slow.Dispose();
    }
}
