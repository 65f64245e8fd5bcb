using System.Runtime.InteropServices;
using GridWrapper.Launching;
using GridWrapper.Linux;

namespace GridWrapper.Running;

/// <summary>
/// Turns signals to this process into requests: before the payload runs they cancel the preparation, while it runs they are forwarded to it.
/// TERM, INT, HUP, QUIT and XCPU ask for the end; USR1, USR2, CONT and WINCH are only handed on. TSTP stops the payload and then this process.
/// </summary>
internal sealed class SignalForwarding : IDisposable
{
    private readonly CancellationTokenSource _cancel = new();
    private readonly CancellationTokenSource _unwanted = new();
    private readonly List<PosixSignalRegistration> _registrations = [];

    internal SignalForwarding()
    {
        Stop = new StopSource { Requested = OnStop };
        foreach (int signal in (int[])[Libc.SIGTERM, Libc.SIGINT, Libc.SIGHUP, Libc.SIGQUIT, Libc.SIGXCPU])
        {
            Register(signal, ends: true);
        }

        foreach (int signal in (int[])[Libc.SIGUSR1, Libc.SIGUSR2, Libc.SIGCONT, Libc.SIGWINCH])
        {
            Register(signal, ends: false);
        }

        RegisterSuspension();
    }

    /// <summary>The payload first: it is in a session of its own, where no terminal's stop reaches it.</summary>
    private void RegisterSuspension() =>
        _registrations.Add(PosixSignalRegistration.Create((PosixSignal)Libc.SIGTSTP, context =>
        {
            context.Cancel = true;
            Stop.Forward(Libc.SIGTSTP);
            _ = Libc.Kill(Environment.ProcessId, Libc.SIGSTOP);
        }));

    internal StopSource Stop { get; }

    /// <summary>Cancelled by the first ending signal. What still must be done after it (report, clean up) does not listen to it.</summary>
    internal CancellationToken Cancelled => _cancel.Token;

    /// <summary>Cancelled by the first ending signal, and where the workload manager asks for the job's end: nobody waits any more for what is done for the job.</summary>
    internal CancellationToken Unwanted => _unwanted.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _cancel.Dispose();
        _unwanted.Dispose();
    }

    private void OnStop(StopReason reason)
    {
        if (reason == StopReason.Cancelled)
        {
            _unwanted.Cancel();
        }
    }

    private void Register(int signal, bool ends) =>
        _registrations.Add(PosixSignalRegistration.Create((PosixSignal)signal, context =>
        {
            context.Cancel = true;
            if (ends)
            {
                Stop.RequestStop(StopReason.Cancelled, signal);
                _cancel.Cancel();
            }
            else
            {
                Stop.Forward(signal);
            }
        }));
}
