namespace GridWrapper.Watching;

/// <summary>Compares what was measured with what is allowed. Pure.</summary>
internal static class LimitJudge
{
    /// <summary>What sampling has to hold.</summary>
    /// <param name="limits">What is allowed.</param>
    /// <param name="sample">What was measured.</param>
    /// <param name="kernel">Limits that the kernel holds already.</param>
    internal static LimitBreach? Judge(PayloadLimits limits, ResourceSample sample, KernelLimits kernel)
    {
        if (!kernel.HasFlag(KernelLimits.Memory) && limits.Memory is { } memory && sample.PssBytes > memory.Value)
        {
            return new LimitBreach(LimitKind.Memory, $"the payload used {Size(sample.PssBytes)} of memory (proportional set size of {sample.Processes} processes); {Allowed(memory, Size(memory.Value))}");
        }

        if (limits.Cpu is { } cpu && sample.CpuSeconds > cpu.Value)
        {
            return new LimitBreach(LimitKind.Cpu, $"the payload used {Seconds(sample.CpuSeconds)} of processor time; {Allowed(cpu, Seconds(cpu.Value))}");
        }

        return !kernel.HasFlag(KernelLimits.Processes) && limits.Processes is { } most && sample.Threads > most.Value
            ? new LimitBreach(LimitKind.Processes, $"the payload ran {Count(sample.Threads)} processes and threads; {Allowed(most, Count(most.Value))}")
            : null;
    }

    internal static LimitBreach? Judge(PayloadLimits limits, DirectoryUse use)
    {
        if (limits.Disk is { } disk && use.Bytes > disk.Value)
        {
            return new LimitBreach(LimitKind.Disk, $"the payload filled {Size(use.Bytes)} of the job directory and its /tmp; {Allowed(disk, Size(disk.Value))}");
        }

        if (limits.Stdout is { } stream && use.StreamBytes > stream.Value)
        {
            return new LimitBreach(LimitKind.Stdout, $"the payload wrote {Size(use.StreamBytes)} to stdout or stderr; {Allowed(stream, Size(stream.Value))}");
        }

        return limits.OutputFile is { } file && use.LargestBytes > file.Value
            ? new LimitBreach(LimitKind.OutputFile, $"the payload wrote {use.LargestName} of {Size(use.LargestBytes)}; {Allowed(file, Size(file.Value))}")
            : null;
    }

    /// <param name="limits">What is allowed.</param>
    /// <param name="silentSeconds">Since the last change in the directories, or since the start.</param>
    internal static LimitBreach? Judge(PayloadLimits limits, double silentSeconds) => limits.Looping is { } looping && silentSeconds > looping.Value
        ? new LimitBreach(LimitKind.Looping, $"the payload changed no file for {Seconds(silentSeconds)} and counts as stuck; {Allowed(looping, Seconds(looping.Value))}")
        : null;

    /// <summary>After the end: processes of the payload were killed by the kernel for want of memory.</summary>
    /// <param name="limits">What is allowed.</param>
    /// <param name="peakBytes">Of the control group, null without one.</param>
    /// <param name="ownLimit">It was the payload's own limit that was reached, not one around it.</param>
    internal static LimitBreach OutOfMemory(PayloadLimits limits, long? peakBytes, bool ownLimit)
    {
        string peak = peakBytes is { } bytes ? $", its peak was {Size(bytes)}" : "";
        string whose = ownLimit && limits.Memory is { } memory
            ? Allowed(memory, Size(memory.Value))
            : "the limit reached is not one of gridwrap but of the batch system's control group, or the node had no memory left";
        return new LimitBreach(LimitKind.Memory, $"the kernel killed the payload because its memory was used up{peak}; {whose}", ByKernel: true);
    }

    internal static string Size(double bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        while (bytes >= 1024 && unit < units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes:0.##} {units[unit]}");
    }

    private static string Allowed(Limit limit, string value) => $"{limit.Origin} allows {value}";

    private static string Seconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.#} s");

    private static string Count(double number) => string.Create(CultureInfo.InvariantCulture, $"{number:0}");
}

/// <summary>Limits that the kernel holds by itself.</summary>
[Flags]
internal enum KernelLimits
{
    None = 0,
    Memory = 1,
    Processes = 2,
    Cores = 4,
}
