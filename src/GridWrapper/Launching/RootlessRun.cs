using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>
/// One supervised payload of the rootless launcher, from the helper's start to the last process inside. It blocks the thread that started the helper: what comes from
/// elsewhere (signals, limits, commands of the workload manager) acts on the helper directly, and its end ends the wait.
/// </summary>
internal sealed class RootlessRun(LaunchSpec spec, RunControl control, InitProcess init)
{
    /// <summary>How long KILL may take before the tree counts as stuck in the kernel.</summary>
    private static readonly TimeSpan Unkillable = TimeSpan.FromSeconds(2);

    /// <summary>How often the wait looks up whether the tree has been given up.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);

    internal RunResult Run(CancellationToken ct)
    {
        InitReport first = FirstReport();
        DateTimeOffset began = control.Time.GetUtcNow();
        if (first.Kind == InitReportKind.ExecFailed)
        {
            _ = init.End(Unkillable);
            return NotExecuted(first.Errno, began);
        }

        if (first.Kind != InitReportKind.Started)
        {
            _ = init.End(Unkillable);
            throw new GridWrapperException(RootlessFailure.From(first, spec));
        }

        control.Started?.Invoke(init.Pid);
        using Escalation escalation = new(spec, control, init);
        using IDisposable listening = control.Stop.Listen(escalation.Forward);
        using CancellationTokenRegistration cancelled = ct.Register(StopUnlessStopping);
        using ITimer? limit = control.Timeout is { } timeout ? Limit(timeout) : null;
        return Result(End(escalation), began, escalation);
    }

    /// <summary>A cancellation that came from a signal has been handed on as that signal.</summary>
    private void StopUnlessStopping()
    {
        if (control.Stop.Reason == StopReason.None)
        {
            control.Stop.RequestStop(StopReason.Cancelled);
        }
    }

    private ITimer Limit(TimeSpan timeout) =>
        control.Time.CreateTimer(_ => control.Stop.RequestStop(StopReason.Timeout), null, timeout, Timeout.InfiniteTimeSpan);

    private InitReport FirstReport()
    {
        if (init.Next(control.SetupDeadline) is { } report)
        {
            return report;
        }

        if (init.HasEnded)
        {
            throw new GridWrapperException(RootlessFailure.Vanished(init.End(Unkillable)?.Code ?? ExitCodes.CannotRun));
        }

        init.Kill();
        _ = init.End(Unkillable);
        throw new GridWrapperException(RootlessFailure.SetupHung(control.SetupDeadline, init.Pid));
    }

    /// <summary>The end report; null when everything inside was killed without one, or could not be killed.</summary>
    private InitReport? End(Escalation escalation)
    {
        InitReport? end;
        do
        {
            end = init.Next(Glance);
        }
        while (end is not { Kind: InitReportKind.Exited } && !init.HasEnded && !escalation.HasGivenUp);

        // The helper itself is gone a moment later; a zombie left by us would be a process left behind.
        _ = init.End(escalation.HasGivenUp ? TimeSpan.Zero : Unkillable);
        return end;
    }

    private RunResult Result(InitReport? end, DateTimeOffset began, Escalation escalation)
    {
        ChildExit exit = end is null
            ? new ChildExit(ExitCodes.SignalBase + Libc.SIGKILL, Libc.SIGKILL, 0, 0)
            : ChildExit.FromStatus(end.Status, end.CpuSeconds, end.MaxRssBytes);
        return new RunResult
        {
            ExitCode = exit.Code,
            Signal = exit.Signal,
            StartedAt = began,
            EndedAt = control.Time.GetUtcNow(),
            CpuSeconds = exit.CpuSeconds,
            MaxRssBytes = exit.MaxRssBytes,
            StopReason = escalation.HasBegun ? control.Stop.Reason : StopReason.None,
            StuckProcess = escalation.HasGivenUp && !init.HasEnded ? init.Pid : null,
        };
    }

    private RunResult NotExecuted(int errno, DateTimeOffset began) => new()
    {
        ExitCode = errno is Errno.ENOENT or Errno.ENOTDIR ? ExitCodes.NotFound : ExitCodes.NotExecutable,
        ExecErrno = Errno.Name(errno),
        StartedAt = began,
        EndedAt = control.Time.GetUtcNow(),
    };

    /// <summary>Signals on their way in: an ending one starts the grace period, then KILL by the helper, then KILL of the helper, then giving up.</summary>
    private sealed class Escalation(LaunchSpec spec, RunControl control, InitProcess init) : IDisposable
    {
        private ITimer? _next;
        private int _stage;

        /// <summary>Even KILL did not end the tree.</summary>
        internal bool HasGivenUp => Volatile.Read(ref _stage) > 3;

        /// <summary>The payload was asked to end.</summary>
        internal bool HasBegun => Volatile.Read(ref _stage) > 0;

        internal void Forward(int signal)
        {
            if (spec.Interactive && signal is Libc.SIGINT or Libc.SIGQUIT or Libc.SIGWINCH)
            {
                return; // the terminal has told the payload already, and ^C in a shell is not the end of it
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
}
