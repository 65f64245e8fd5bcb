using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>
/// One runtime process from its start to its end: signals, limits, stderr, and what the end means. For runtimes that cannot start the helper in their container
/// (<see cref="ApptainerGuest"/>): whether the payload was started is read off the messages then, and a KILL of gridwrap leaves the payload running.
/// </summary>
internal sealed class ApptainerRun : IDisposable
{
    private const int StandardError = 2;

    /// <summary>A payload that has written more than this has run.</summary>
    private const int MessageBytes = 64 * 1024;

    /// <summary>For processes that survive the payload outside its group, and for KILL to take effect.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(5);

    /// <summary>Timers take 49 days at most; no batch system lets a job run for 40.</summary>
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private static readonly RoomLog Log = new(nameof(ApptainerRun));

    private readonly LaunchSpec _spec;
    private readonly RunControl _control;
    private readonly ChildProcess _child;
    private readonly PipeTee? _stderr;
    private readonly DateTimeOffset _startedAt;
    private readonly TaskCompletionSource _abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly List<IDisposable> _parts = [];
    private StopReason _stopReason;
    private bool _hung;
    private bool _disposed;

    private ApptainerRun(LaunchSpec spec, RunControl control)
    {
        _spec = spec;
        _control = control;
        // A shell asks whether stderr is a terminal, so an interactive one gets the real one, and its runtime's messages are not read.
        _stderr = spec.Terminal ? null : new PipeTee(Number(control.StandardError) ?? StandardError, MessageBytes, Linger);
        _startedAt = control.Time.GetUtcNow();
        try
        {
            _child = ChildProcess.Start(Child());
        }
        catch (LinuxException e)
        {
            _stderr?.Dispose();
            throw new GridWrapperException(ApptainerFailure.CannotStart(spec, e), e);
        }

        _stderr?.CloseWriteEnd();
    }

    /// <summary>Starts the runtime, and listens to what shall end it.</summary>
    /// <exception cref="GridWrapperException">The runtime's program could not be started.</exception>
    internal static ApptainerRun Start(LaunchSpec spec, RunControl control)
    {
        ApptainerRun run = new(spec, control);
        control.Started?.Invoke(run._child.Pid);
        run.After(control.SetupDeadline, run.CheckSetup);
        if (control.Timeout is { } timeout)
        {
            run.After(timeout, () => run.Stop(StopReason.Timeout, Libc.SIGTERM));
        }

        run._parts.Add(control.Stop.Listen(run.Forward));
        return run;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _parts.ForEach(p => p.Dispose());
        }

        _stderr?.Dispose();
    }

    /// <summary>Waits for the end.</summary>
    /// <exception cref="GridWrapperException">The payload was not started.</exception>
    internal async Task<RunResult> WaitAsync()
    {
        await Task.WhenAny(_child.Exit, _abandoned.Task);
        DateTimeOffset endedAt = _control.Time.GetUtcNow();
        ChildExit exit = _child.Exit.IsCompleted ? await _child.Exit : new ChildExit(ExitCodes.SignalBase + Libc.SIGKILL, Libc.SIGKILL, 0, 0);
        string messages = _stderr?.Finish() ?? "";
        if (_hung)
        {
            throw new GridWrapperException(ApptainerFailure.Hung(_spec, _control.SetupDeadline));
        }

        bool readable = exit.Signal is null && _stopReason == StopReason.None && _stderr is { TotalBytes: <= MessageBytes };
        ApptainerEnd end = readable ? ApptainerMessages.Read(exit.Code, messages) : new ApptainerEnd.Payload();
        RunResult result = new()
        {
            ExitCode = exit.Code,
            Signal = exit.Signal ?? StoppedBy(exit.Code),
            StartedAt = _startedAt,
            EndedAt = endedAt,
            CpuSeconds = exit.CpuSeconds,
            MaxRssBytes = exit.MaxRssBytes,
            StopReason = _stopReason,
        };
        return end switch
        {
            ApptainerEnd.Failed failed => throw new GridWrapperException(ApptainerFailure.NotStarted(_spec, exit.Code, failed)),
            ApptainerEnd.NotExecuted not => result with { ExitCode = not.ExitCode, ExecErrno = not.Errno },
            _ => result,
        };
    }

    /// <summary>The caller has been cancelled.</summary>
    internal void Cancel()
    {
        // ^C at a terminal is the payload's business, which the terminal has told already.
        if (!_spec.Terminal || !IsTerminals(_control.Stop.Signal))
        {
            Stop(StopReason.Cancelled, Libc.SIGTERM);
        }
    }

    private static int? Number(Microsoft.Win32.SafeHandles.SafeFileHandle? handle) => (int?)handle?.DangerousGetHandle();

    private static bool IsTerminals(int? signal) => signal is Libc.SIGINT or Libc.SIGQUIT or Libc.SIGWINCH;

    /// <summary>The runtime says 128 + signal for a payload that died of one, as a payload may by itself; only after a stop of ours it is sure enough.</summary>
    private int? StoppedBy(int exitCode) =>
        _stopReason != StopReason.None && exitCode is > ExitCodes.SignalBase and < ExitCodes.SignalBase + 64 ? exitCode - ExitCodes.SignalBase : null;

    private ChildSpec Child()
    {
        ImmutableArray<(int Child, int Parent)>.Builder descriptors = ImmutableArray.CreateBuilder<(int Child, int Parent)>();
        if (Number(_control.StandardOutput) is { } stdout)
        {
            descriptors.Add((1, stdout));
        }

        if ((_stderr?.WriteEnd ?? Number(_control.StandardError)) is { } stderr)
        {
            descriptors.Add((StandardError, stderr));
        }

        return new ChildSpec
        {
            Program = _spec.CgroupDirectory is null ? _spec.Argv[0] : CgroupJoin.Shell,
            Argv = _spec.CgroupDirectory is { } group ? CgroupJoin.Before(group, _spec.Argv) : _spec.Argv,
            Environment = [.. _spec.Environment.Select(v => $"{v.Key}={v.Value}")],
            Descriptors = descriptors.ToImmutable(),
            NewProcessGroup = !_spec.Terminal,
            KillGroupAtExit = true,
            WorkingDirectory = _spec.WorkingDirectory,
        };
    }

    private void Forward(int signal)
    {
        if (_spec.Terminal && IsTerminals(signal))
        {
            return;
        }

        bool ends = signal == Libc.SIGTERM || (_control.Stop.Reason != StopReason.None && signal is Libc.SIGINT or Libc.SIGHUP or Libc.SIGQUIT);
        if (!ends || !Stop(_control.Stop.Reason == StopReason.None ? StopReason.Cancelled : _control.Stop.Reason, signal))
        {
            Send(signal);
        }
    }

    /// <summary>The signal, then KILL after the grace period. False if a stop is under way already.</summary>
    private bool Stop(StopReason reason, int signal)
    {
        lock (_lock)
        {
            if (_stopReason != StopReason.None)
            {
                return false;
            }

            _stopReason = reason;
        }

        Log.Info("stopping the payload ({Reason}) with signal {Signal}", reason, signal);
        After(_control.Grace, Kill);
        Send(signal);
        return true;
    }

    private void Send(int signal)
    {
        ImmutableArray<int> payload = _spec.Terminal ? [] : ApptainerProcesses.Payload(ProcessEntry.ReadAll(), _child.Pid);
        if (payload.IsEmpty)
        {
            _child.Signal(signal);
        }

        // Its image's own signal is for the payload only: the runtime would make something else of it.
        int wanted = signal == Libc.SIGTERM ? _spec.StopSignal : signal;
        foreach (int pid in payload)
        {
            _ = Libc.Kill(pid, wanted);
        }
    }

    /// <summary>The runtime's death is the end of process 1 in the container, hence of everything in it.</summary>
    private void Kill()
    {
        _child.Signal(Libc.SIGKILL, group: !_spec.Terminal);
        _control.LastKill?.Invoke();
        After(Linger, () =>
        {
            Log.Error("process {Pid} did not end {Seconds} s after KILL: it hangs in the kernel and is left behind", _child.Pid, Linger.TotalSeconds);
            _abandoned.TrySetResult();
        });
    }

    private void CheckSetup()
    {
        if (!_spec.Terminal && !_child.Exit.IsCompleted && !ApptainerProcesses.HavePayload(ProcessEntry.ReadAll(), _child.Pid))
        {
            _hung = true;
            Kill();
        }
    }

    private void After(TimeSpan delay, Action action)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _parts.Add(_control.Time.CreateTimer(_ => action(), null, delay < LongestTimer ? delay : LongestTimer, System.Threading.Timeout.InfiniteTimeSpan));
            }
        }
    }
}
