using GridWrapper.Watching;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>Pure: the resource figures of a spooled update, as far as updates carry them.</summary>
internal static class SpooledUsage
{
    internal static JObject Write(PayloadUsage usage) => new()
    {
        ["sampleCount"] = usage.SampleCount,
        ["cpuSeconds"] = usage.CpuSeconds,
        ["wallSeconds"] = usage.WallSeconds,
        ["maximum"] = Write(usage.Maximum),
        ["average"] = Write(usage.Average),
        ["readChars"] = usage.ReadChars,
        ["writtenChars"] = usage.WrittenChars,
        ["readBytes"] = usage.ReadBytes,
        ["writtenBytes"] = usage.WrittenBytes,
        ["means"] = usage.Means,
    };

    /// <exception cref="FormatException">A member is missing.</exception>
    internal static PayloadUsage Read(JObject o) => new()
    {
        SampleCount = (int?)o["sampleCount"] ?? 0,
        CpuSeconds = (double?)o["cpuSeconds"] ?? 0,
        WallSeconds = (double?)o["wallSeconds"] ?? 0,
        Maximum = ReadFigures(o["maximum"]),
        Average = ReadFigures(o["average"]),
        ReadChars = (long?)o["readChars"] ?? 0,
        WrittenChars = (long?)o["writtenChars"] ?? 0,
        ReadBytes = (long?)o["readBytes"] ?? 0,
        WrittenBytes = (long?)o["writtenBytes"] ?? 0,
        Means = (string?)o["means"] ?? "sampling",
    };

    private static JObject Write(MemoryFigures figures) => new() { ["rss"] = figures.Rss, ["pss"] = figures.Pss, ["swap"] = figures.Swap, ["virtual"] = figures.Virtual };

    private static MemoryFigures ReadFigures(JToken? token) => token is JObject o
        ? new MemoryFigures((long?)o["rss"] ?? 0, (long?)o["pss"] ?? 0, (long?)o["swap"] ?? 0, (long?)o["virtual"] ?? 0)
        : throw new FormatException("the memory figures of update.usage are missing");
}
