using GridWrapper.Probing;
using GridWrapper.Watching;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>Samples as prmon writes them: memory in kB, times in whole seconds, transfers in bytes. Pure.</summary>
internal static class MonitorText
{
    private const int Kilobyte = 1024;

    private static readonly ImmutableArray<string> Columns =
    [
        "Time", "wtime", "stime", "utime", "pss", "rss", "swap", "vmem", "rchar", "read_bytes", "wchar", "write_bytes",
        "nprocs", "nthreads", "rx_bytes", "rx_packets", "tx_bytes", "tx_packets",
    ];

    /// <summary>One heading and one line for each sample, columns separated by tabs.</summary>
    internal static string Series(ImmutableArray<ResourceSample> samples)
    {
        StringBuilder text = new(string.Join('\t', Columns));
        foreach (ResourceSample s in samples)
        {
            text.Append('\n').AppendJoin('\t', Row(s).Select(v => v.ToString(CultureInfo.InvariantCulture)));
        }

        return text.Append('\n').ToString();
    }

    /// <summary>"Max" holds peaks and totals, "Avg" means and, for transfers, bytes per second.</summary>
    internal static JObject Summary(PayloadUsage usage, ResourceSample last, NodeFacts node)
    {
        double seconds = Math.Max(usage.WallSeconds, 1);
        return new JObject
        {
            ["Avg"] = new JObject
            {
                ["nprocs"] = Math.Round(usage.AverageProcesses, 3),
                ["nthreads"] = Math.Round(usage.AverageThreads, 3),
                ["pss"] = usage.Average.Pss / Kilobyte,
                ["rchar"] = (long)(usage.ReadChars / seconds),
                ["read_bytes"] = (long)(usage.ReadBytes / seconds),
                ["rss"] = usage.Average.Rss / Kilobyte,
                ["rx_bytes"] = (long)(usage.Network.ReceivedBytes / seconds),
                ["rx_packets"] = (long)(usage.Network.ReceivedPackets / seconds),
                ["swap"] = usage.Average.Swap / Kilobyte,
                ["tx_bytes"] = (long)(usage.Network.SentBytes / seconds),
                ["tx_packets"] = (long)(usage.Network.SentPackets / seconds),
                ["vmem"] = usage.Average.Virtual / Kilobyte,
                ["wchar"] = (long)(usage.WrittenChars / seconds),
                ["write_bytes"] = (long)(usage.WrittenBytes / seconds),
            },
            ["HW"] = new JObject
            {
                ["cpu"] = new JObject { ["CPUs"] = node.Cores, ["ModelName"] = node.CpuModel },
                ["mem"] = new JObject { ["MemTotal"] = node.MemoryBytes / Kilobyte },
            },
            ["Max"] = new JObject
            {
                ["nprocs"] = usage.MaximumProcesses,
                ["nthreads"] = usage.MaximumThreads,
                ["pss"] = usage.Maximum.Pss / Kilobyte,
                ["rchar"] = usage.ReadChars,
                ["read_bytes"] = usage.ReadBytes,
                ["rss"] = usage.Maximum.Rss / Kilobyte,
                ["rx_bytes"] = usage.Network.ReceivedBytes,
                ["rx_packets"] = usage.Network.ReceivedPackets,
                ["stime"] = (long)last.SystemSeconds,
                ["swap"] = usage.Maximum.Swap / Kilobyte,
                ["tx_bytes"] = usage.Network.SentBytes,
                ["tx_packets"] = usage.Network.SentPackets,
                ["utime"] = (long)last.UserSeconds,
                ["vmem"] = usage.Maximum.Virtual / Kilobyte,
                ["wchar"] = usage.WrittenChars,
                ["write_bytes"] = usage.WrittenBytes,
                ["wtime"] = (long)usage.WallSeconds,
            },
            ["prmon"] = new JObject { ["Version"] = $"gridwrap {ProductVersion.Number}" },
        };
    }

    private static long[] Row(ResourceSample s) =>
    [
        s.Time.ToUnixTimeSeconds(), (long)s.WallSeconds, (long)s.SystemSeconds, (long)s.UserSeconds,
        s.PssBytes / Kilobyte, s.RssBytes / Kilobyte, s.SwapBytes / Kilobyte, s.VirtualBytes / Kilobyte,
        s.ReadChars, s.ReadBytes, s.WrittenChars, s.WrittenBytes, s.Processes, s.Threads,
        s.Network.ReceivedBytes, s.Network.ReceivedPackets, s.Network.SentBytes, s.Network.SentPackets,
    ];
}
