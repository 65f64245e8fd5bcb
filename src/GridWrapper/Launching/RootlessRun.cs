using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>One supervised payload of the rootless launcher, from the helper's start to the last process inside.</summary>
internal sealed class RootlessRun(LaunchSpec spec, RunControl control, InitProcess init)
{
    /// <summary>How long KILL may take before the tree counts as stuck in the kernel.</summary>
    private static readonly TimeSpan Unkillable = TimeSpan.FromSeconds(2);

    internal async Task<RunResult> RunAsync(CancellationToken ct)
    {
        InitReport? first = await FirstReportAsync();
        DateTimeOffset began = control.Time.GetUtcNow();
        switch (first?.Kind)
        {
            case InitReportKind.Started:
                break;
            case InitReportKind.ExecFailed:
                await WaitAsync(init.Exit, Unkillable);
                return NotExecuted(first.Errno, began);
            case null:
                throw new GridWrapperException(RootlessFailure.Vanished((await init.Exit).Code));
            default:
                await WaitAsync(init.Exit, Unkillable);
                throw new GridWrapperException(RootlessFailure.From(first, spec));
        }

        control.Started?.Invoke(init.Pid);
        using Escalation escalation = new(spec.Interactive, control, init);
        using IDisposable listening = control.Stop.Listen(escalation.Forward);
        using CancellationTokenRegistration cancelled = ct.Register(StopUnlessStopping);
        using ITimer? limit = control.Timeout is { } timeout ? Limit(timeout) : null;
        InitReport? end = await EndAsync(escalation);
        return Result(end, began, escalation);
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

    private async Task<InitReport?> FirstReportAsync()
    {
        using CancellationTokenSource deadline = new(control.SetupDeadline, control.Time);
        try
        {
            return await init.Reports.WaitToReadAsync(deadline.Token) && init.Reports.TryRead(out InitReport? report) ? report : null;
        }
        catch (OperationCanceledException)
        {
            init.Kill();
            await WaitAsync(init.Exit, Unkillable);
            throw new GridWrapperException(RootlessFailure.SetupHung(control.SetupDeadline, init.Pid));
        }
    }

    /// <summary>The end report; null when everything inside was killed without one, or could not be killed.</summary>
    private async Task<InitReport?> EndAsync(Escalation escalation)
    {
        Task<InitReport?> report = NextAsync();
        await Task.WhenAny(report, escalation.GivenUp);
        if (!report.IsCompleted)
        {
            return null;
        }

        // The helper itself is gone a moment later; a zombie left by us would be a process left behind.
        await WaitAsync(init.Exit, Unkillable);
        return await report;
    }

    private async Task<InitReport?> NextAsync()
    {
        while (await init.Reports.WaitToReadAsync())
        {
            while (init.Reports.TryRead(out InitReport? report))
            {
                if (report.Kind == InitReportKind.Exited)
                {
                    return report;
                }
            }
        }

        return null;
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
            StuckProcess = escalation.GivenUp.IsCompleted && !init.Exit.IsCompleted ? init.Pid : null,
        };
    }

    private RunResult NotExecuted(int errno, DateTimeOffset began) => new()
    {
        ExitCode = errno is Errno.ENOENT or Errno.ENOTDIR ? ExitCodes.NotFound : ExitCodes.NotExecutable,
        ExecErrno = Errno.Name(errno),
        StartedAt = began,
        EndedAt = control.Time.GetUtcNow(),
    };

    private async Task WaitAsync(Task task, TimeSpan limit) =>
        await Task.WhenAny(task, Task.Delay(limit, control.Time, CancellationToken.None));

    /// <summary>Signals on their way in: an ending one starts the grace period, then KILL by the helper, then KILL of the helper, then giving up.</summary>
    private sealed class Escalation(bool interactive, RunControl control, InitProcess init) : IDisposable
    {
        private readonly TaskCompletionSource _givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ITimer? _next;
        private int _stage;

        /// <summary>Completes when even KILL did not end the tree.</summary>
        internal Task GivenUp => _givenUp.Task;

        /// <summary>The payload was asked to end.</summary>
        internal bool HasBegun => Volatile.Read(ref _stage) > 0;

        internal void Forward(int signal)
        {
            if (interactive && signal is Libc.SIGINT or Libc.SIGQUIT or Libc.SIGWINCH)
            {
                return; // the terminal has told the payload already, and ^C in a shell is not the end of it
            }

            init.Signal(signal);
            bool ends = signal is Libc.SIGTERM or Libc.SIGINT or Libc.SIGHUP or Libc.SIGQUIT && control.Stop.Reason != StopReason.None;
            if (ends && Interlocked.CompareExchange(ref _stage, 1, 0) == 0)
            {
                _next = control.Time.CreateTimer(_ => Escalate(), null, control.Grace, Unkillable);
            }
        }

        public void Dispose() => _next?.Dispose();

        private void Escalate()
        {
            switch (Interlocked.Increment(ref _stage))
            {
                case 2:
                    init.KillPayload();
                    break;
                case 3:
                    init.Kill();
                    break;
                case 4:
                    _givenUp.TrySetResult();
                    break;
            }
        }
    }
}
