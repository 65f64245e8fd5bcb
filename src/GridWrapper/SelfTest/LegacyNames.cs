using GridWrapper.Reporting;
using GridWrapper.Watching;

namespace GridWrapper.SelfTest;

/// <summary>The arguments of the legacy updateJob that differ in name from v1's, read from our own table of both.</summary>
internal static class LegacyNames
{
    /// <summary>Every argument that an update can carry, by legacy name.</summary>
    internal static ImmutableDictionary<string, WireField> Update { get; } = UpdateFields.Of(Everything()).ToImmutableDictionary(static f => f.Legacy!, StringComparer.Ordinal);

    private static JobUpdate Everything() => new()
    {
        JobId = 1,
        JobStatus = "x",
        AttemptNr = 1,
        SiteName = "x",
        Node = "x",
        SchedulerId = "x",
        PilotId = "x",
        BatchId = "x",
        StartTime = DateTimeOffset.UnixEpoch,
        EndTime = DateTimeOffset.UnixEpoch,
        JobOutputReport = "x",
        MetaData = "x",
        Stdout = "x",
        CoreCount = 1,
        CpuConsumptionTime = 1,
        CpuConsumptionUnit = "x",
        CpuArchitectureLevel = "x",
        MaxRss = 1,
        MeanCoreCount = 1,
        CpuConversionFactor = 1,
        EventCount = 1,
        Usage = new PayloadUsage { Maximum = new MemoryFigures(0, 0, 0, 0), Average = new MemoryFigures(0, 0, 0, 0), Means = "" },
        JobMetrics = "x",
        PilotTiming = "x",
        PilotLog = "x",
        PilotErrorCode = 1,
        PilotErrorDiag = "x",
        TransExitCode = 1,
        ExeErrorCode = 1,
        ExeErrorDiag = "x",
        JobSubStatus = "x",
    };
}
