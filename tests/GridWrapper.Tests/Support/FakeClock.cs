namespace GridWrapper.Tests;

/// <summary>Time that stands still until it is told to go on. Timers fire, in order, on the thread that advances it.</summary>
internal sealed class FakeClock : TimeProvider
{
    internal static readonly DateTimeOffset Origin = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private TimeSpan _elapsed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    internal TimeSpan Elapsed
    {
        get
        {
            lock (_lock)
            {
                return _elapsed;
            }
        }
    }

    public override DateTimeOffset GetUtcNow() => Origin + Elapsed;

    public override long GetTimestamp() => Elapsed.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Timer timer = new(this, callback, state);
        _ = timer.Change(dueTime, period);
        return timer;
    }

    internal void Advance(TimeSpan by)
    {
        TimeSpan target = Elapsed + by;
        while (true)
        {
            Timer? next;
            lock (_lock)
            {
                next = _timers.Where(t => t.Due <= target).MinBy(static t => t.Due);
                _elapsed = next?.Due ?? target;
                next?.Rearm();
            }

            if (next is null)
            {
                return;
            }

            next.Fire();
        }
    }

    /// <summary>Lets time pass in steps, with a little real time between them for what runs elsewhere, until the task is done.</summary>
    internal async Task<T> DriveAsync<T>(Task<T> task, TimeSpan step)
    {
        while (!task.IsCompleted)
        {
            _ = await Task.WhenAny(task, Task.Delay(3));
            if (!task.IsCompleted)
            {
                Advance(step);
            }
        }

        return await task;
    }

    /// <summary>Lets time pass until the condition holds.</summary>
    internal async Task DriveUntilAsync(Func<bool> condition, TimeSpan step, CancellationToken ct)
    {
        while (!condition())
        {
            await Task.Delay(3, ct);
            if (!condition())
            {
                Advance(step);
            }
        }
    }

    private sealed class Timer(FakeClock clock, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        internal TimeSpan Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                _ = clock._timers.Remove(this);
                _period = period;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = clock._elapsed + dueTime;
                    clock._timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose() => _ = Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal void Fire() => callback(state);

        /// <summary>Called with the clock's lock held.</summary>
        internal void Rearm()
        {
            if (_period == Timeout.InfiniteTimeSpan || _period == TimeSpan.Zero)
            {
                _ = clock._timers.Remove(this);
            }
            else
            {
                Due += _period;
            }
        }
    }
}
