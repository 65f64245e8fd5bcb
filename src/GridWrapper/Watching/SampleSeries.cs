namespace GridWrapper.Watching;

/// <summary>
/// The samples of one run, in memory. A run of weeks is thinned out: maxima, averages and totals stay exact, the series keeps every second sample, then every fourth…
/// </summary>
internal sealed class SampleSeries
{
    private const int Most = 4096;

    private readonly List<ResourceSample> _kept = [];
    private int _every = 1;
    private double _rss;
    private double _pss;
    private double _swap;
    private double _virtual;
    private double _processes;
    private double _threads;

    internal int Count { get; private set; }

    internal ImmutableArray<ResourceSample> Kept => [.. _kept];

    internal ResourceSample? Last { get; private set; }

    private MemoryFigures Maximum { get; set; } = new(0, 0, 0, 0);

    private int MostProcesses { get; set; }

    private int MostThreads { get; set; }

    internal void Add(ResourceSample sample)
    {
        Last = sample;
        if (Count++ % _every == 0)
        {
            _kept.Add(sample);
        }

        if (_kept.Count >= Most)
        {
            ThinOut();
        }

        Observe(sample);
        _rss += sample.RssBytes;
        _pss += sample.PssBytes;
        _swap += sample.SwapBytes;
        _virtual += sample.VirtualBytes;
        _processes += sample.Processes;
        _threads += sample.Threads;
    }

    /// <summary>A look between two samples: it counts for the maxima only.</summary>
    internal void Observe(ResourceSample sample)
    {
        Last = sample;
        Maximum = new MemoryFigures(
            Math.Max(Maximum.Rss, sample.RssBytes),
            Math.Max(Maximum.Pss, sample.PssBytes),
            Math.Max(Maximum.Swap, sample.SwapBytes),
            Math.Max(Maximum.Virtual, sample.VirtualBytes));
        MostProcesses = Math.Max(MostProcesses, sample.Processes);
        MostThreads = Math.Max(MostThreads, sample.Threads);
    }

    internal PayloadUsage Usage(string means)
    {
        double n = Math.Max(Count, 1);
        return new PayloadUsage
        {
            SampleCount = Count,
            CpuSeconds = Last?.CpuSeconds ?? 0,
            WallSeconds = Last?.WallSeconds ?? 0,
            Maximum = Maximum,
            Average = new MemoryFigures((long)(_rss / n), (long)(_pss / n), (long)(_swap / n), (long)(_virtual / n)),
            ReadChars = Last?.ReadChars ?? 0,
            WrittenChars = Last?.WrittenChars ?? 0,
            ReadBytes = Last?.ReadBytes ?? 0,
            WrittenBytes = Last?.WrittenBytes ?? 0,
            Network = Last?.Network ?? new NetworkCounters(0, 0, 0, 0),
            MaximumProcesses = MostProcesses,
            MaximumThreads = MostThreads,
            AverageProcesses = _processes / n,
            AverageThreads = _threads / n,
            Means = means,
        };
    }

    private void ThinOut()
    {
        _every *= 2;
        for (int i = _kept.Count - 1; i > 0; i--)
        {
            if (i % 2 == 1)
            {
                _kept.RemoveAt(i);
            }
        }
    }
}
