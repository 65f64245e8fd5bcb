namespace GridWrapper.Linux;

/// <summary>How a child ended.</summary>
/// <param name="Code">Exit code, or 128+signal.</param>
/// <param name="Signal">The signal that ended it, null for a normal exit.</param>
/// <param name="CpuSeconds">User + system time of the child and what it reaped.</param>
/// <param name="MaxRssBytes">Largest resident set among them.</param>
internal sealed record ChildExit(int Code, int? Signal, double CpuSeconds, long MaxRssBytes)
{
    internal static ChildExit From(int status, Libc.ResourceUsage usage)
    {
        double cpu = usage.UserSeconds + usage.SystemSeconds + ((usage.UserMicroseconds + usage.SystemMicroseconds) / 1e6);
        return FromStatus(status, cpu, usage.MaxRssKilobytes * 1024);
    }

    /// <summary>Decodes a status as wait(2) gives it.</summary>
    internal static ChildExit FromStatus(int status, double cpuSeconds, long maxRssBytes)
    {
        int signal = status & 0x7f;
        return new ChildExit(signal == 0 ? (status >> 8) & 0xff : 128 + signal, signal == 0 ? null : signal, cpuSeconds, maxRssBytes);
    }
}
