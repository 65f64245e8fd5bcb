using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>Signals on their way in: an ending one starts the grace period, then KILL by the helper, then KILL of the helper, then giving up.</summary>
/// <param name="spec">With what TERM becomes.</param>
/// <param name="control">With the grace period.</param>
/// <param name="init">The helper that hands them on.</param>
/// <param name="terminal">The payload's terminal, which takes some of them for itself; null = none.</param>
internal sealed class Escalation(LaunchSpec spec, RunControl control, InitProcess init, TerminalProxy? terminal) : IDisposable
{
    /// <summary>How long KILL may take before the tree counts as stuck in the kernel.</summary>
    internal static readonly TimeSpan Unkillable = TimeSpan.FromSeconds(2);

    private ITimer? _next;
    private int _stage;

    /// <summary>Even KILL did not end the tree.</summary>
    internal bool HasGivenUp => Volatile.Read(ref _stage) > 3;

    /// <summary>The payload was asked to end.</summary>
    internal bool HasBegun => Volatile.Read(ref _stage) > 0;

    internal void Forward(int signal)
    {
        if (terminal?.Takes(signal) == true)
        {
            return;
        }

        Send(signal == Libc.SIGTERM ? spec.StopSignal : signal);
        bool ends = signal is Libc.SIGTERM or Libc.SIGINT or Libc.SIGHUP or Libc.SIGQUIT && control.Stop.Reason != StopReason.None;
        if (ends && Interlocked.CompareExchange(ref _stage, 1, 0) == 0)
        {
            _next = control.Time.CreateTimer(_ => Escalate(), null, control.Grace, Unkillable);
        }
    }

    public void Dispose() => _next?.Dispose();

    /// <summary>KILL is for the payload; the helper has to tell of the end.</summary>
    private void Send(int signal)
    {
        if (signal == Libc.SIGKILL)
        {
            init.KillPayload();
        }
        else
        {
            init.Signal(signal);
        }
    }

    private void Escalate()
    {
        switch (Interlocked.Increment(ref _stage))
        {
            case 2:
                init.KillPayload();
                break;
            case 3:
                init.Kill();
                control.LastKill?.Invoke();
                break;
        }
    }
}
