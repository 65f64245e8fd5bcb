using System.Threading.Channels;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>A running gridwrap-init and the stream of its reports.</summary>
internal sealed class InitProcess
{
    /// <summary>Tells the helper to kill everything inside and still report (SIGNAL_KILL_ALL in the helper).</summary>
    private const int KillAll = 40;

    private readonly ChildProcess _child;

    private InitProcess(ChildProcess child, ChannelReader<InitReport> reports)
    {
        _child = child;
        Reports = reports;
    }

    /// <summary>Completes when the last process that could report is gone.</summary>
    internal ChannelReader<InitReport> Reports { get; }

    internal int Pid => _child.Pid;

    internal Task<ChildExit> Exit => _child.Exit;

    /// <exception cref="LinuxException">The helper could not be started.</exception>
    internal static InitProcess Start(byte[] plan, (SafeFileHandle? Out, SafeFileHandle? Error) output, string fallbackDirectory)
    {
        (SafeFileHandle read, SafeFileHandle write) = Pipe.Create();
        ChildProcess child;
        using (write)
        {
            try
            {
                child = InitHelper.Start(plan, write, output, fallbackDirectory);
            }
            catch
            {
                read.Dispose();
                throw;
            }
        }

        Channel<InitReport> channel = Channel.CreateUnbounded<InitReport>(new UnboundedChannelOptions { SingleWriter = true });
        Thread reader = new(() => ReadReports(read, channel.Writer), 128 * 1024) { IsBackground = true, Name = "reports" };
        reader.Start();
        return new InitProcess(child, channel.Reader);
    }

    internal void Signal(int signal) => _child.Signal(signal);

    internal void KillPayload() => _child.Signal(KillAll);

    /// <summary>Last resort: the kernel then ends everything below.</summary>
    internal void Kill() => _child.Signal(Libc.SIGKILL);

    private static void ReadReports(SafeFileHandle pipe, ChannelWriter<InitReport> reports)
    {
        using (pipe)
        {
            byte[] record = new byte[InitReport.SizeBytes];
            while (Pipe.ReadExactly(pipe, record))
            {
                reports.TryWrite(InitReport.Parse(record));
            }
        }

        reports.Complete();
    }
}
