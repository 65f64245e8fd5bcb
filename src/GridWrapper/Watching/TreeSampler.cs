using GridWrapper.Linux;

namespace GridWrapper.Watching;

/// <summary>
/// Samples of one process tree. What costs the kernel much (the proportional set size, for which it walks page tables) is asked so seldom that it takes at most
/// a small share of one core.
/// </summary>
internal sealed class TreeSampler
{
    /// <summary>Of one core, for the proportional set size.</summary>
    private const double Share = 0.003;

    private const double TicksPerSecond = 100; // USER_HZ, the same on all Linux architectures that run .NET

    private readonly string _proc;
    private readonly int _root;
    private readonly TimeProvider _time;
    private readonly DateTimeOffset _startedAt;
    private readonly ProcessTree _tree;
    private readonly NetworkCounters _network;
    private readonly byte[] _buffer = new byte[8192];
    private readonly List<int> _living = [];
    private ResourceSample _last;
    private long _costAt;
    private double _cost;

    /// <param name="proc">"/proc" or a recorded tree of it.</param>
    /// <param name="root">The process that was started.</param>
    /// <param name="time">The clock; what it says now is the payload's start.</param>
    internal TreeSampler(string proc, int root, TimeProvider time)
    {
        _proc = proc;
        _root = root;
        _time = time;
        _startedAt = time.GetUtcNow();
        _tree = new ProcessTree(proc);
        _network = Network();
        _last = new ResourceSample { Time = _startedAt };
        _costAt = long.MinValue;
    }

    /// <summary>One sample; null when there is no process any more.</summary>
    /// <param name="members">Processes known to belong to the payload by their control group.</param>
    /// <param name="wantPss">Read the proportional set size even if it was read lately.</param>
    internal ResourceSample? Take(IReadOnlyList<int> members, bool wantPss = false)
    {
        IReadOnlyDictionary<int, ProcessFigures> all = _tree.Read(_root, members);
        if (all.Count == 0)
        {
            return null;
        }

        ResourceSample sample = Add(all) with { Network = Network().Since(_network) };
        bool due = wantPss || _costAt == long.MinValue || _time.GetElapsedTime(_costAt).TotalSeconds * Share >= _cost;
        sample = due ? WithPss(sample) : sample with { PssBytes = Math.Min(_last.PssBytes, sample.RssBytes), SwapBytes = _last.SwapBytes };
        _last = sample;
        return sample;
    }

    private ResourceSample Add(IReadOnlyDictionary<int, ProcessFigures> all)
    {
        long user = 0, system = 0, pages = 0, size = 0, readChars = 0, writtenChars = 0, read = 0, written = 0;
        int processes = 0, threads = 0;
        _living.Clear();
        int rootName = all.TryGetValue(_root, out ProcessFigures root) ? root.NameHash : 0;
        foreach ((int pid, ProcessFigures p) in all)
        {
            user += p.UserTicks;
            system += p.SystemTicks;
            int length = Math.Max(SmallFile.Read($"{_proc}/{pid}/io", _buffer), 0);
            ReadOnlySpan<byte> io = _buffer.AsSpan(0, length);
            readChars += ProcText.Value(io, "rchar:"u8);
            writtenChars += ProcText.Value(io, "wchar:"u8);
            read += ProcText.Value(io, "read_bytes:"u8);
            written += ProcText.Value(io, "write_bytes:"u8);
            bool ours = pid == _root || (p.ParentPid == _root && p.NameHash == rootName);
            if (!p.IsZombie && !ours)
            {
                _living.Add(pid);
                processes++;
                threads += p.Threads;
                pages += p.ResidentPages;
                size += p.VirtualBytes;
            }
        }

        DateTimeOffset now = _time.GetUtcNow();
        return new ResourceSample
        {
            Time = now,
            WallSeconds = (now - _startedAt).TotalSeconds,
            UserSeconds = Math.Max(user / TicksPerSecond, _last.UserSeconds),
            SystemSeconds = Math.Max(system / TicksPerSecond, _last.SystemSeconds),
            RssBytes = pages * Environment.SystemPageSize,
            VirtualBytes = size,
            ReadChars = Math.Max(readChars, _last.ReadChars),
            WrittenChars = Math.Max(writtenChars, _last.WrittenChars),
            ReadBytes = Math.Max(read, _last.ReadBytes),
            WrittenBytes = Math.Max(written, _last.WrittenBytes),
            Processes = processes,
            Threads = threads,
        };
    }

    /// <summary>Kernels before 4.14 have no rollup; the resident set stands for it there.</summary>
    private ResourceSample WithPss(ResourceSample sample)
    {
        long began = _time.GetTimestamp();
        long pss = 0, swap = 0;
        bool any = false;
        foreach (int pid in _living)
        {
            int length = SmallFile.Read($"{_proc}/{pid}/smaps_rollup", _buffer);
            if (length > 0)
            {
                any = true;
                ReadOnlySpan<byte> text = _buffer.AsSpan(0, length);
                pss += ProcText.Value(text, "Pss:"u8) * 1024;
                swap += ProcText.Value(text, "Swap:"u8) * 1024;
            }
        }

        _costAt = _time.GetTimestamp();
        _cost = _time.GetElapsedTime(began, _costAt).TotalSeconds;
        return sample with { PssBytes = any ? pss : sample.RssBytes, SwapBytes = swap };
    }

    /// <summary>proc_net(5): two lines of heading, then "name: eight numbers received, eight sent".</summary>
    private NetworkCounters Network()
    {
        long receivedBytes = 0, receivedPackets = 0, sentBytes = 0, sentPackets = 0;
        string text = SmallFile.Text($"{_proc}/{_root}/net/dev") ?? "";
        foreach (string line in text.Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string[] fields = colon < 0 ? [] : line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length >= 10)
            {
                receivedBytes += Parse(fields[0]);
                receivedPackets += Parse(fields[1]);
                sentBytes += Parse(fields[8]);
                sentPackets += Parse(fields[9]);
            }
        }

        return new NetworkCounters(receivedBytes, receivedPackets, sentBytes, sentPackets);
    }

    private static long Parse(string text) => long.TryParse(text, CultureInfo.InvariantCulture, out long number) ? number : 0;
}
