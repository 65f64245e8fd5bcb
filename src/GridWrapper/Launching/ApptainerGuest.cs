using GridWrapper.Diagnostics;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>
/// A payload under another runtime with gridwrap-init on both sides of it. Outside it ends everything when gridwrap dies; inside it starts the payload, so that its start, its
/// end and what it used are told exactly, whatever the runtime and the payload write and return. What the runtime itself writes to standard error is kept from the payload's.
/// </summary>
internal static class ApptainerGuest
{
    /// <summary>What the helper says with a plan that it cannot read: here, that the runtime has closed the descriptors.</summary>
    private const int NoPlan = 64;

    private const int MessageBytes = 64 * 1024;

    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(1);

    /// <summary>A runtime unmounts and ends its file system servers once the payload is gone.</summary>
    private static readonly TimeSpan Leisure = TimeSpan.FromSeconds(10);

    /// <returns>Null when the runtime cannot start the helper; then nothing has been started.</returns>
    /// <exception cref="GridWrapperException">The payload was not started.</exception>
    internal static RunResult? Run(LaunchSpec spec, RunControl control, string helperDirectory, CancellationToken ct)
    {
        using TerminalProxy? terminal = spec.Terminal ? TerminalProxy.Open() : null;
        LaunchSpec inside = TerminalProxy.Named(spec.Inside!, terminal);
        PlanEncoder.Mode keyring = spec.KeepKeyring ? PlanEncoder.Mode.KeepKeyring : PlanEncoder.Mode.None;
        byte[] plan = PlanEncoder.Encode(spec, PlanEncoder.Mode.Host | keyring, new PlanCaller(Environment.ProcessId, Linger, 0));
        byte[] guest = PlanEncoder.Encode(inside, PlanEncoder.Mode.Guest | PlanEncoder.ModeOf(inside), new PlanCaller(0, Linger, OpenFileLimit.OfCaller()));
        bool refused = false;
        try
        {
            using SafeFileHandle messages = MemoryFile.Create("messages", []);
            using InitProcess init = InitProcess.StartOutside(plan, guest, StandardStreams.Of(control, terminal), messages, helperDirectory);
            terminal?.Start();
            RootlessRun run = new(inside, control, init, terminal)
            {
                Leisure = Leisure,
                Vanished = code => Failed(spec, code, MemoryFile.Text(messages, MessageBytes), out refused),
                Hung = _ => ApptainerFailure.Hung(spec, control.SetupDeadline),
            };
            return run.Run(ct);
        }
        catch (LinuxException e)
        {
            throw new GridWrapperException(RootlessFailure.NotStarted(e), e);
        }
        catch (GridWrapperException) when (refused)
        {
            return null;
        }
    }

    /// <summary>The same launch without the helper inside.</summary>
    internal static LaunchSpec Without(LaunchSpec spec) => spec with { Inside = null, Argv = spec.Argv.Remove(InitHelper.ByDescriptor) };

    private static Failure Failed(LaunchSpec spec, int exitCode, string messages, out bool refused)
    {
        ApptainerEnd end = ApptainerMessages.Read(exitCode, messages);
        refused = end is ApptainerEnd.NotExecuted || (exitCode == NoPlan && end is ApptainerEnd.Payload);
        return ApptainerFailure.NotStarted(spec, exitCode, end as ApptainerEnd.Failed ?? Unnamed(messages));
    }

    private static ApptainerEnd.Failed Unnamed(string messages) => new(
        "start",
        PilotError.ContainerGeneralFailure,
        Blame.Site,
        null,
        messages.AsSpan().Trim().Length > 0 ? string.Join(' ', messages.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).TakeLast(3)) : "it said nothing",
        "try the same by hand with the command line that --dry-run prints");
}
