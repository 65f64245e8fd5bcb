using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>
/// A running gridwrap-init and the reports about the payload: its own, or those of a second one that another runtime started in its container. It is a child of the
/// thread that started it, which reads the reports and reaps it; signals may be sent from any thread.
/// </summary>
internal sealed class InitProcess : IDisposable
{
    /// <summary>Tells the helper to kill everything inside and still report (SIGNAL_KILL_ALL in the helper).</summary>
    private const int KillAll = 40;

    private readonly ChildProcess _child;
    private readonly InitReports _own;
    private readonly InitReports _payloads;

    private InitProcess(ChildProcess child, InitReports own, InitReports payloads) => (_child, _own, _payloads) = (child, own, payloads);

    internal int Pid => _child.Pid;

    /// <summary>True once <see cref="Next"/> has seen the end of the reports: the helper has ended, and with it all that it watched over.</summary>
    internal bool HasEnded => _payloads.HasEnded;

    /// <exception cref="LinuxException">The helper could not be started.</exception>
    internal static InitProcess Start(byte[] plan, StandardStreams streams, string fallbackDirectory)
    {
        ChildProcess child = Start(plan, streams, fallbackDirectory, out InitReports reports);
        return new InitProcess(child, reports, reports);
    }

    /// <summary>The helper watches over another runtime, which starts the helper again, in its container.</summary>
    /// <param name="plan">For the first.</param>
    /// <param name="guestPlan">For the second.</param>
    /// <param name="streams">Standard error is the payload's.</param>
    /// <param name="messages">Takes what the runtime itself writes to standard error.</param>
    /// <param name="fallbackDirectory">As for <see cref="Start(byte[], StandardStreams, string)"/>.</param>
    /// <exception cref="LinuxException">The helper could not be started.</exception>
    internal static InitProcess StartOutside(byte[] plan, byte[] guestPlan, StandardStreams streams, SafeFileHandle messages, string fallbackDirectory)
    {
        using SafeFileHandle file = MemoryFile.Create("gridwrap-plan", guestPlan);
        (SafeFileHandle read, SafeFileHandle write) = Pipe.Create();
        using (write)
        {
            InitReports guests = new(read);
            try
            {
                int error = streams.Error is { } own ? (int)own.DangerousGetHandle() : StandardStreams.ErrorNumber;
                StandardStreams outside = streams with { Error = messages, ForGuest = [(int)file.DangerousGetHandle(), (int)write.DangerousGetHandle(), error] };
                return new InitProcess(Start(plan, outside, fallbackDirectory, out InitReports reports), reports, guests);
            }
            catch
            {
                guests.Dispose();
                throw;
            }
        }
    }

    /// <summary>Waits for the next report; null when none came within the limit, or when there will be none.</summary>
    internal InitReport? Next(TimeSpan? limit) => _payloads.Next(limit);

    /// <summary>Waits for the end of the helper and reaps it; null when it did not end within the limit.</summary>
    internal ChildExit? End(TimeSpan limit)
    {
        long deadline = Environment.TickCount64 + (limit.Ticks / TimeSpan.TicksPerMillisecond);
        while (!_own.HasEnded && Environment.TickCount64 < deadline)
        {
            _ = _own.Next(TimeSpan.FromMilliseconds(Math.Max(0, deadline - Environment.TickCount64)));
        }

        return _own.HasEnded ? _child.Reap() : null;
    }

    internal void Signal(int signal) => _child.Signal(signal);

    internal void KillPayload() => _child.Signal(KillAll);

    /// <summary>Last resort: the kernel then ends everything below.</summary>
    internal void Kill() => _child.Signal(Libc.SIGKILL);

    public void Dispose()
    {
        _own.Dispose();
        _payloads.Dispose();
    }

    private static ChildProcess Start(byte[] plan, StandardStreams streams, string fallbackDirectory, out InitReports reports)
    {
        (SafeFileHandle read, SafeFileHandle write) = Pipe.Create();
        using (write)
        {
            try
            {
                ChildProcess child = InitHelper.Start(plan, write, streams, fallbackDirectory);
                reports = new InitReports(read);
                return child;
            }
            catch
            {
                read.Dispose();
                throw;
            }
        }
    }
}
