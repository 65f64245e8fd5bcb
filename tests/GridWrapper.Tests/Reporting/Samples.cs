using GridWrapper.Outputs;
using GridWrapper.Probing;
using GridWrapper.Reporting;
using GridWrapper.Watching;

namespace GridWrapper.Tests.Reporting;

/// <summary>Records filled in completely.</summary>
internal static class Samples
{
    internal static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    internal static JobUpdate FullUpdate { get; } = new()
    {
        JobId = PandaBench.JobId,
        JobStatus = "failed",
        AttemptNr = 1,
        SiteName = "QUEUE",
        Node = "slot1@node",
        SchedulerId = "h-1",
        PilotId = "p",
        BatchId = "b",
        StartTime = Start,
        EndTime = Start.AddMinutes(3),
        JobOutputReport = "{}",
        MetaData = "{}",
        Stdout = "hello",
        CoreCount = 8,
        CpuConsumptionTime = 100,
        CpuConsumptionUnit = "s+X",
        CpuArchitectureLevel = "x86_64-v3",
        MeanCoreCount = 7,
        CpuConversionFactor = 1.5,
        EventCount = 100,
        InputFileCount = 2,
        CorruptedFiles = "a,b",
        Grid = "OSG",
        SourceSite = "SRC",
        DestinationSite = "DST",
        MaxRss = 2048,
        Usage = Usage,
        JobMetrics = "actualCoreCount=8",
        PilotTiming = "1|2|3|4|5|6",
        PilotLog = "log",
        PilotErrorCode = 1305,
        PilotErrorDiag = "diag",
        TransExitCode = 3,
        ExeErrorCode = 3,
        ExeErrorDiag = "exe",
        JobSubStatus = "sub",
    };

    /// <summary>What a spooled update keeps of a measurement.</summary>
    internal static PayloadUsage Usage => new()
    {
        SampleCount = 3,
        CpuSeconds = 100.5,
        WallSeconds = 60.25,
        Maximum = new MemoryFigures(4096, 3072, 1024, 8192),
        Average = new MemoryFigures(2048, 1024, 0, 4096),
        ReadChars = 1 << 20,
        WrittenChars = 2 << 20,
        ReadBytes = 3 << 20,
        WrittenBytes = 4 << 20,
        Means = "sampling",
    };

    internal static NodeFacts Node { get; } = new()
    {
        HostName = "node1.example",
        OperatingSystem = "Linux",
        Kernel = "6.1",
        Architecture = "amd64",
        CpuLevel = "x86-64-v3",
        CpuModel = "Fine  CPU @ 3 GHz",
        Cores = 16,
        MemoryBytes = 1L << 34,
        Uid = 1000,
        Gid = 1000,
    };

    internal static OutputFile Output(string lfn) => new()
    {
        Name = lfn,
        Lfn = lfn,
        Path = "/job/" + lfn,
        SizeBytes = 12,
        Adler32 = "0a1b2c3d",
        Guid = "D5E9A1F2-0000-4000-8000-000000000001",
    };
}
