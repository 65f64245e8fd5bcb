using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>
/// A running gridwrap-init and its reports. It is a child of the thread that started it, which reads the reports and reaps it; signals may be sent from any thread.
/// </summary>
internal sealed class InitProcess : IDisposable
{
    /// <summary>Tells the helper to kill everything inside and still report (SIGNAL_KILL_ALL in the helper).</summary>
    private const int KillAll = 40;

    private readonly ChildProcess _child;
    private readonly SafeFileHandle _reports;
    private readonly byte[] _record = new byte[InitReport.SizeBytes];

    private InitProcess(ChildProcess child, SafeFileHandle reports) => (_child, _reports) = (child, reports);

    internal int Pid => _child.Pid;

    /// <summary>True once <see cref="Next"/> has seen the end of the reports: the helper has ended, and with it all that it watched over.</summary>
    internal bool HasEnded { get; private set; }

    /// <exception cref="LinuxException">The helper could not be started.</exception>
    internal static InitProcess Start(byte[] plan, StandardStreams streams, string fallbackDirectory)
    {
        (SafeFileHandle read, SafeFileHandle write) = Pipe.Create();
        using (write)
        {
            try
            {
                return new InitProcess(InitHelper.Start(plan, write, streams, fallbackDirectory), read);
            }
            catch
            {
                read.Dispose();
                throw;
            }
        }
    }

    /// <summary>Waits for the next report; null when none came within the limit, or when there will be none.</summary>
    internal InitReport? Next(TimeSpan? limit)
    {
        if (HasEnded || !Pipe.WaitReadable(_reports, limit))
        {
            return null;
        }

        HasEnded = !Pipe.ReadExactly(_reports, _record);
        return HasEnded ? null : InitReport.Parse(_record);
    }

    /// <summary>Waits for the end of the helper and reaps it; null when it did not end within the limit.</summary>
    internal ChildExit? End(TimeSpan limit)
    {
        long deadline = Environment.TickCount64 + (limit.Ticks / TimeSpan.TicksPerMillisecond);
        while (!HasEnded && Environment.TickCount64 < deadline)
        {
            _ = Next(TimeSpan.FromMilliseconds(Math.Max(0, deadline - Environment.TickCount64)));
        }

        return HasEnded ? _child.Reap() : null;
    }

    internal void Signal(int signal) => _child.Signal(signal);

    internal void KillPayload() => _child.Signal(KillAll);

    /// <summary>Last resort: the kernel then ends everything below.</summary>
    internal void Kill() => _child.Signal(Libc.SIGKILL);

    public void Dispose() => _reports.Dispose();
}
