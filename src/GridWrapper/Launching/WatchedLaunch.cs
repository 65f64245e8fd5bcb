using GridWrapper.Watching;

namespace GridWrapper.Launching;

/// <summary>Runs a launch with a watch over it, the same for every launcher; without one where none is asked for.</summary>
internal static class WatchedLaunch
{
    /// <summary>RLIMIT_NPROC.</summary>
    private const int ProcessLimit = 6;

    private static readonly Version CountsPerNamespace = new(5, 14);

    internal static async Task<RunResult> RunAsync(ILauncher launcher, LaunchSpec spec, RunControl control, CancellationToken ct)
    {
        if (control.Watch is not { } options)
        {
            return await launcher.RunAsync(spec, control, ct);
        }

        await using PayloadWatch watch = PayloadWatch.Begin(options, control.Time, breach => control.Stop.RequestStop(Reason(breach.Kind)));
        RunResult result = await launcher.RunAsync(
            Adapt(spec, options.Limits, watch),
            control with
            {
                Started = pid =>
                {
                    watch.Started(pid);
                    control.Started?.Invoke(pid);
                },
                LastKill = watch.KillAll,
            },
            ct);
        return With(result, await watch.FinishAsync());
    }

    internal static StopReason Reason(LimitKind kind) => kind switch
    {
        LimitKind.Memory => StopReason.Memory,
        LimitKind.Cpu => StopReason.Cpu,
        LimitKind.Disk or LimitKind.OutputFile or LimitKind.Stdout => StopReason.Disk,
        LimitKind.Processes => StopReason.Processes,
        LimitKind.Looping => StopReason.Looping,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>
    /// Without a control group the kernel can still hold the number of processes, since Linux 5.14, where it counts a user's processes in each user namespace by itself. Before, and
    /// for a launcher that decides about the namespace by itself, the limit would count the user's other jobs too.
    /// </summary>
    private static LaunchSpec Adapt(LaunchSpec spec, PayloadLimits limits, PayloadWatch watch)
    {
        LaunchSpec adapted = spec with { CgroupDirectory = watch.CgroupDirectory };
        if (limits.Processes is not { } most || watch.Kernel.HasFlag(KernelLimits.Processes) || spec.UidMap.IsEmpty || Environment.OSVersion.Version < CountsPerNamespace)
        {
            return adapted;
        }

        ulong number = (ulong)most.Value + CgroupLeaf.OwnProcesses;
        return adapted with { ResourceLimits = adapted.ResourceLimits.Add(new ResourceLimit(ProcessLimit, number, number)) };
    }

    private static RunResult With(RunResult result, WatchOutcome outcome)
    {
        RunResult with = result with
        {
            CpuSeconds = Math.Max(result.CpuSeconds, outcome.Usage.CpuSeconds),
            Usage = outcome.Usage,
            Samples = outcome.Samples,
        };
        if (outcome.Breach is { ByKernel: true } byKernel && result is { StopReason: StopReason.None, ExitCode: not 0 })
        {
            return with with { OomKilled = true, StopReason = StopReason.Memory, Breach = byKernel };
        }

        // A kill in the group around the payload counts as the payload's only where the payload looks killed.
        bool killed = outcome.OomKilled && (outcome.IsCertain || result.ExitCode == Diagnostics.ExitCodes.SignalBase + Linux.Libc.SIGKILL);
        bool ours = outcome.Breach is { } breach && result.StopReason == Reason(breach.Kind);
        return with with { OomKilled = killed, Breach = ours ? outcome.Breach : null };
    }
}
