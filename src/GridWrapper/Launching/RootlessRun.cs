using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>
/// One supervised payload of the rootless launcher, from the helper's start to the last process inside. It blocks the thread that started the helper: what comes from
/// elsewhere (signals, limits, commands of the workload manager) acts on the helper directly, and its end ends the wait.
/// </summary>
/// <param name="spec">What was launched.</param>
/// <param name="control">How it is supervised.</param>
/// <param name="init">The helper.</param>
/// <param name="terminal">The payload's terminal, null where it has none.</param>
internal sealed class RootlessRun(LaunchSpec spec, RunControl control, InitProcess init, TerminalProxy? terminal)
{
    /// <summary>What it means that the helper ended before the payload started, given its exit code.</summary>
    internal Func<int, Failure> Vanished { get; init; } = RootlessFailure.Vanished;

    /// <summary>What it means that nothing was heard within the deadline, given the helper's pid.</summary>
    internal Func<int, Failure> Hung { get; init; } = pid => RootlessFailure.SetupHung(control.SetupDeadline, pid);

    /// <summary>How long the helper may take to end once the payload has.</summary>
    internal TimeSpan Leisure { get; init; } = Escalation.Unkillable;

    /// <summary>How often the wait looks up whether the tree has been given up.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);

    internal RunResult Run(CancellationToken ct)
    {
        InitReport first = FirstReport();
        DateTimeOffset began = control.Time.GetUtcNow();
        if (first.Kind == InitReportKind.ExecFailed)
        {
            _ = init.End(Leisure);
            return NotExecuted(first.Errno, began);
        }

        if (first.Kind != InitReportKind.Started)
        {
            _ = init.End(Leisure);
            throw new GridWrapperException(RootlessFailure.From(first, spec));
        }

        control.Started?.Invoke(init.Pid);
        using Escalation escalation = new(spec, control, init, terminal);
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
            throw new GridWrapperException(Vanished(init.End(Leisure)?.Code ?? ExitCodes.CannotRun));
        }

        init.Kill();
        _ = init.End(Escalation.Unkillable);
        throw new GridWrapperException(Hung(init.Pid));
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
        bool ended = init.End(escalation.HasGivenUp ? TimeSpan.Zero : Leisure) is not null;
        if (!ended)
        {
            init.Kill();
            ended = init.End(escalation.HasGivenUp ? TimeSpan.Zero : Escalation.Unkillable) is not null;
        }

        if (ended)
        {
            terminal?.Finish();
        }

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
}
