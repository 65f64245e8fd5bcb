using GridWrapper.Jobs;
using GridWrapper.Probing;

namespace GridWrapper.Reporting;

/// <summary>What every update of one job repeats.</summary>
internal sealed record JobIdentity
{
    public required long PandaId { get; init; }

    public int? Attempt { get; init; }

    public int CoreCount { get; init; } = 1;

    /// <summary>The job came with a transform URL: a user's job, whose recoverable errors are sent negative.</summary>
    public bool IsAnalysis { get; init; }

    public string? SiteName { get; init; }

    public string? Node { get; init; }

    public string? SchedulerId { get; init; }

    public string? PilotId { get; init; }

    /// <summary>Must not change during the job: the server kills a job whose batch id does.</summary>
    public string? BatchId { get; init; }

    public string? SourceSite { get; init; }

    public string? DestinationSite { get; init; }

    /// <summary>As the site's profile names it.</summary>
    public string? Grid { get; init; }

    /// <summary>"s+MODEL N-Core[+AVX2]".</summary>
    public string? CpuUnit { get; init; }

    /// <summary>"x86_64-v3".</summary>
    public string? CpuLevel { get; init; }

    /// <summary>Null when the job carries no PandaID: there is nothing to report on then.</summary>
    /// <param name="variable">Environment variable by name, for the batch system's and the pilot's own identities.</param>
    internal static JobIdentity? Of(JobRequest job, NodeFacts node, string? queue, Func<string, string?> variable) => job.PandaId is not { } id ? null : new JobIdentity
    {
        PandaId = id,
        Attempt = job.Attempt,
        CoreCount = job.CoreCount,
        IsAnalysis = job.Transformation is { } transformation && transformation.StartsWith("http", StringComparison.Ordinal),
        SiteName = queue,
        Node = Set(variable("PANDA_HOSTNAME")) ?? node.HostName,
        SchedulerId = Set(variable("PANDA_JSID")),
        PilotId = PilotIdOf(variable),
        BatchId = BatchIdOf(variable),
        SourceSite = job.SourceSite,
        DestinationSite = job.DestinationSite,
        CpuUnit = CpuUnitOf(node),
        CpuLevel = CpuLevelOf(node.CpuLevel),
    };

    private static string? Set(string? value) => string.IsNullOrEmpty(value) ? null : value;

    private static string? PilotIdOf(Func<string, string?> variable) => Set(variable("GTAG")) is { } tag ? tag + "|gridwrap" : null;

    private static string? BatchIdOf(Func<string, string?> variable) =>
        Set(variable("CONDOR_ID")) ?? Set(variable("SLURM_JOB_ID")) ?? Set(variable("PBS_JOBID")) ?? Set(variable("LSB_JOBID")) ?? Set(variable("JOB_ID"));

    private static string CpuUnitOf(NodeFacts node)
    {
        string model = string.Join(' ', node.CpuModel.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        string cores = node.Cores.ToString(CultureInfo.InvariantCulture);
        return $"s+{model} {cores}-Core" + (node.CpuLevel is "x86-64-v3" or "x86-64-v4" ? "+AVX2" : "");
    }

    /// <summary>The server writes an underscore where the toolchains write a dash.</summary>
    internal static string? CpuLevelOf(string level) => level switch
    {
        "unknown" or "" => null,
        _ when level.StartsWith("x86-64", StringComparison.Ordinal) => "x86_64" + level["x86-64".Length..],
        _ => level,
    };
}
