namespace GridWrapper.Launching;

/// <summary>
/// Carries signals and stop requests from wherever they arise (process signals, the workload manager's commands, limits) to the launcher that runs.
/// Thread-safe. Signals sent before a launcher listens are delivered when it starts to.
/// </summary>
internal sealed class StopSource
{
    private readonly Lock _lock = new();
    private readonly List<int> _early = [];
    private Action<int>? _forward;

    /// <summary>The first reason for which a stop was asked; <see cref="StopReason.None"/> until then.</summary>
    internal StopReason Reason { get; private set; }

    /// <summary>The first terminating signal received from outside, null if none.</summary>
    internal int? Signal { get; private set; }

    /// <summary>Told of each request to stop, after the payload.</summary>
    internal Action<StopReason> Requested { get; init; } = static _ => { };

    /// <summary>Asks for the end of the payload: TERM, grace, KILL.</summary>
    internal void RequestStop(StopReason reason, int signal = 15)
    {
        lock (_lock)
        {
            if (Reason == StopReason.None)
            {
                Reason = reason;
                Signal = signal;
            }
        }

        Forward(signal);
        Requested(reason);
    }

    /// <summary>Hands a signal on to the payload's process group.</summary>
    internal void Forward(int signal)
    {
        Action<int>? target;
        lock (_lock)
        {
            target = _forward;
            if (target is null)
            {
                _early.Add(signal);
            }
        }

        target?.Invoke(signal);
    }

    /// <summary>The running launcher listens until the returned object is disposed.</summary>
    internal IDisposable Listen(Action<int> forward)
    {
        int[] early;
        lock (_lock)
        {
            _forward = forward;
            early = [.. _early];
            _early.Clear();
        }

        foreach (int signal in early)
        {
            forward(signal);
        }

        return new Listener(this);
    }

    private sealed class Listener(StopSource owner) : IDisposable
    {
        public void Dispose()
        {
            lock (owner._lock)
            {
                owner._forward = null;
            }
        }
    }
}
