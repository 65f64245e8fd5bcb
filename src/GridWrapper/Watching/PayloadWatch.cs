using GridWrapper.Diagnostics;
using GridWrapper.Probing;

namespace GridWrapper.Watching;

/// <summary>
/// Looks after one payload: gives it a control group where that is possible, samples what it uses, and asks for its end when it has had too much. It writes nothing to
/// the job directory, because a file touched there periodically would hide a stuck payload from those who look for one.
/// </summary>
internal sealed class PayloadWatch : IAsyncDisposable
{
    /// <summary>A short payload shall have a sample too.</summary>
    private static readonly TimeSpan FirstSample = TimeSpan.FromSeconds(1);

    /// <summary>How long what was killed may take to vanish.</summary>
    private static readonly TimeSpan Vanishing = TimeSpan.FromSeconds(2);

    private static readonly RoomLog Log = new(nameof(PayloadWatch));

    private readonly WatchOptions _options;
    private readonly TimeProvider _time;
    private readonly Action<LimitBreach> _stop;
    private readonly CancellationTokenSource _end = new();
    private readonly SampleSeries _series = new();
    private readonly OomCounter _kills;
    private readonly CgroupLeaf? _leaf;
    private readonly DirectoryWatch _directories;
    private readonly Lock _lock = new();
    private Task _loop = Task.CompletedTask;
    private LimitBreach? _breach;
    private bool _notJoined;

    private PayloadWatch(WatchOptions options, TimeProvider time, Action<LimitBreach> stop, CgroupLeaf? leaf)
    {
        _options = options;
        _time = time;
        _stop = stop;
        _leaf = leaf;
        _kills = OomCounter.Start(options.Root);
        _directories = new DirectoryWatch(options, time);
    }

    /// <summary>The payload has to start in it; null for none.</summary>
    internal string? CgroupDirectory => _leaf?.Directory;

    /// <summary>What the kernel holds of the limits.</summary>
    internal KernelLimits Kernel => _leaf is null || _notJoined ? KernelLimits.None : _leaf.Holds;

    private string Means => Kernel == KernelLimits.None ? "sampling" : "cgroup";

    /// <summary>Prepares the watch; nothing has started yet.</summary>
    /// <param name="options">What is watched and how.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Asks for the end of the payload; called once at most.</param>
    internal static PayloadWatch Begin(WatchOptions options, TimeProvider time, Action<LimitBreach> stop)
    {
        Fact<CgroupLeaf> made = CgroupLeaf.Make(options.Root, options.Cgroup);
        if (made.IsKnown(out CgroupLeaf leaf))
        {
            leaf.Apply(options.Limits);
            Log.Debug("control group {Directory}, the kernel holds {Limits}", leaf.Directory, leaf.Holds);
            return new PayloadWatch(options, time, stop, leaf);
        }

        Log.Debug("no control group for the payload: {Reason}", made.Why);
        return new PayloadWatch(options, time, stop, null);
    }

    /// <summary>The payload runs below this process.</summary>
    internal void Started(int pid)
    {
        TreeSampler sampler = new(_options.Root.TrimEnd('/') + "/proc", pid, _time);
        _loop = Task.Run(() => LoopAsync(sampler, _end.Token));
    }

    /// <summary>Last resort at the end of the grace period: whatever is in the control group.</summary>
    internal void KillAll() => _leaf?.Kill();

    /// <summary>After the payload's end: nothing of it is left, and what it used is known.</summary>
    internal async Task<WatchOutcome> FinishAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAny(_loop, Task.Delay(Vanishing, _time));
        PayloadUsage usage = _series.Usage(Means) with { DiskBytes = _directories.MostBytes };
        if (_leaf is null)
        {
            return new WatchOutcome(usage, _series.Kept, _breach, _kills.Kills > 0, IsCertain: false);
        }

        CgroupFigures figures = _leaf.Figures();
        await EmptyAsync(_leaf);
        bool killed = figures.OomKills > 0;
        LimitBreach? breach = _breach ?? (killed ? LimitJudge.OutOfMemory(_options.Limits, figures.PeakBytes, figures.OwnLimitHits > 0) : null);
        usage = usage with { CpuSeconds = Math.Max(usage.CpuSeconds, figures.CpuSeconds), CgroupPeakBytes = figures.PeakBytes };
        return new WatchOutcome(usage, _series.Kept, breach, killed, IsCertain: true);
    }

    /// <summary>Removes the control group.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAny(_loop, Task.Delay(Vanishing, _time));
        if (_leaf is not null)
        {
            await EmptyAsync(_leaf);
            _leaf.Dispose();
        }

        if (_loop.IsCompleted)
        {
            _end.Dispose();
        }
    }

    private async Task EmptyAsync(CgroupLeaf leaf)
    {
        long began = _time.GetTimestamp();
        while (!leaf.IsEmpty && _time.GetElapsedTime(began) < Vanishing)
        {
            leaf.Kill();
            await Task.Delay(TimeSpan.FromMilliseconds(10), _time);
        }

        if (!leaf.IsEmpty)
        {
            Log.Warn("{Directory} still holds a process that does not end; a later run removes it", leaf.Directory);
        }
    }

    private async Task LoopAsync(TreeSampler sampler, CancellationToken ct)
    {
        TimeSpan step = Step();
        long start = _time.GetTimestamp();
        TimeSpan nextSample = FirstSample < _options.SampleInterval ? FirstSample : _options.SampleInterval;
        try
        {
            await Task.Delay(nextSample < step ? nextSample : step, _time, ct);
            while (true)
            {
                TimeSpan now = _time.GetElapsedTime(start);
                if (Look(sampler, now >= nextSample))
                {
                    nextSample = now >= nextSample ? now + _options.SampleInterval : nextSample;
                }

                Stop(_directories.Look(now, ct));
                await Task.Delay(step, _time, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Log.Trace("watch ended");
        }
    }

    /// <summary>Between two looks at anything.</summary>
    private TimeSpan Step()
    {
        PayloadLimits limits = _options.Limits;
        bool guards = limits.Memory is not null || limits.Cpu is not null || limits.Processes is not null;
        TimeSpan step = guards && _options.GuardInterval < _options.SampleInterval ? _options.GuardInterval : _options.SampleInterval;
        return limits.NeedDirectories && _options.DirectoryInterval < step ? _options.DirectoryInterval : step;
    }

    /// <summary>A sample, or only a look at the limits.</summary>
    private bool Look(TreeSampler sampler, bool isSample)
    {
        List<int> members = _leaf?.Members() ?? [];
        ResourceSample? sample = sampler.Take(members);
        if (sample is null)
        {
            return false;
        }

        _notJoined = members.Count == 0;

        // The resident set counts shared pages several times: before a payload is ended for it, it is measured properly.
        if (_options.Limits.Memory is { } memory && !Kernel.HasFlag(KernelLimits.Memory) && sample.RssBytes > memory.Value)
        {
            sample = sampler.Take(members, wantPss: true) ?? sample;
        }

        if (isSample)
        {
            _series.Add(sample);
            _options.Sampled?.Invoke(_series.Usage(Means));
        }
        else
        {
            _series.Observe(sample);
        }

        Stop(LimitJudge.Judge(_options.Limits, sample, Kernel));
        return true;
    }

    private void Stop(LimitBreach? breach)
    {
        if (breach is null)
        {
            return;
        }

        lock (_lock)
        {
            if (_breach is not null)
            {
                return;
            }

            _breach = breach;
        }

        Log.Warn("{Message}; it is stopped", breach.Message);
        _stop(breach);
    }
}

/// <summary>What a watch saw.</summary>
/// <param name="Usage">In figures.</param>
/// <param name="Samples">As a series.</param>
/// <param name="Breach">The limit that ended the payload, null if none did.</param>
/// <param name="OomKilled">The kernel killed processes for want of memory while it ran.</param>
/// <param name="IsCertain">They were the payload's, as its own control group counted; else they may have been its neighbours.</param>
internal sealed record WatchOutcome(PayloadUsage Usage, ImmutableArray<ResourceSample> Samples, LimitBreach? Breach, bool OomKilled, bool IsCertain);
