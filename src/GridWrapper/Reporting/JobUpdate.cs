using GridWrapper.Watching;

namespace GridWrapper.Reporting;

/// <summary>One update_job call, in the server's v1 vocabulary (reference: panda-server pilot API). Null members are not sent.</summary>
internal sealed record JobUpdate
{
    public required long JobId { get; init; }

    /// <summary>starting, running, finished, failed, holding or transferring.</summary>
    public required string JobStatus { get; init; }

    public int? AttemptNr { get; init; }

    public string? SiteName { get; init; }

    public string? Node { get; init; }

    public string? SchedulerId { get; init; }

    public string? PilotId { get; init; }

    public string? BatchId { get; init; }

    public DateTimeOffset? StartTime { get; init; }

    public DateTimeOffset? EndTime { get; init; }

    /// <summary>JSON text, LFN → {guid, fsize, adler32, surl?}.</summary>
    public string? JobOutputReport { get; init; }

    /// <summary>jobReport.json as text.</summary>
    public string? MetaData { get; init; }

    public string? Stdout { get; init; }

    public int? CoreCount { get; init; }

    /// <summary>Seconds.</summary>
    public int? CpuConsumptionTime { get; init; }

    public string? CpuConsumptionUnit { get; init; }

    public string? CpuArchitectureLevel { get; init; }

    /// <summary>Whole cores that were busy on average.</summary>
    public int? MeanCoreCount { get; init; }

    /// <summary>From the unit of <see cref="CpuConsumptionUnit"/> to the accounting's; a whole number or a fraction.</summary>
    public double? CpuConversionFactor { get; init; }

    public long? EventCount { get; init; }

    public int? InputFileCount { get; init; }

    /// <summary>LFNs of inputs whose checksum was wrong, joined by commas.</summary>
    public string? CorruptedFiles { get; init; }

    /// <summary>What the site says of its grid, e.g. OSG.</summary>
    public string? Grid { get; init; }

    public string? SourceSite { get; init; }

    public string? DestinationSite { get; init; }

    /// <summary>kB.</summary>
    public long? MaxRss { get; init; }

    /// <summary>What sampling saw; null without it.</summary>
    public PayloadUsage? Usage { get; init; }

    public string? JobMetrics { get; init; }

    public string? PilotTiming { get; init; }

    public string? PilotLog { get; init; }

    public int? PilotErrorCode { get; init; }

    public string? PilotErrorDiag { get; init; }

    public int? TransExitCode { get; init; }

    public int? ExeErrorCode { get; init; }

    public string? ExeErrorDiag { get; init; }

    public string? JobSubStatus { get; init; }

    /// <summary>finished, failed or holding: must reach the server.</summary>
    public bool IsFinal => JobStatus is "finished" or "failed" or "holding" or "transferring";
}
