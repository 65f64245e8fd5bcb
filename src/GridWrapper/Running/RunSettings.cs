using GridWrapper.Launching;
using GridWrapper.Sites;

namespace GridWrapper.Running;

/// <summary>What the command line, the environment and the profile decided together; paths absolute, nothing left to look up.</summary>
internal sealed record RunSettings
{
    public required SiteProfile Site { get; init; }

    public required string CacheDirectory { get; init; }

    /// <summary>Other cache roots of the profile, in which layers are only looked for.</summary>
    public ImmutableArray<string> SharedCaches { get; init; } = [];

    /// <summary>The job directory.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>The caller's environment.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>No progress, errors only.</summary>
    public bool Quiet { get; init; }

    public string? ForcedStrategy { get; init; }

    public string? ForcedLauncher { get; init; }

    public TimeSpan? Timeout { get; init; }

    /// <summary>Bytes, of the command line; null where it names none.</summary>
    public long? MemoryLimit { get; init; }

    /// <summary>The profile's binds, then those of the command line.</summary>
    public ImmutableArray<BindMount> Binds { get; init; } = [];

    public ImmutableArray<KeyValuePair<string, string>> PayloadEnvironment { get; init; } = [];

    public string? InitialDirectory { get; init; }

    /// <summary>auto, on or off.</summary>
    public string Gpu { get; init; } = "auto";

    public bool Writable { get; init; }

    public Isolation Isolation { get; init; } = new();

    /// <summary>"oci", "singularity", or null: the command line's own style decides.</summary>
    public string? Personality { get; init; }

    /// <summary>In place of the image's; empty clears it.</summary>
    public string? Entrypoint { get; init; }

    /// <summary>HOME as the image has it.</summary>
    public bool ImageHome { get; init; }

    public string? RegistryConfig { get; init; }

    /// <summary>What only Apptainer's command line can ask for; null where gridwrap was called as itself.</summary>
    public ApptainerView? AsApptainer { get; init; }

    public bool DryRun { get; init; }

    public bool Json { get; init; }

    /// <summary>Workload manager to report to, null for none.</summary>
    public string? Server { get; init; }

    public string? Queue { get; init; }

    /// <summary>prod_source_label to ask jobs for; null for "user".</summary>
    public string? SourceLabel { get; init; }

    /// <summary>What is left of the batch slot for the payload.</summary>
    public TimeSpan? SlotTime { get; init; }

    /// <summary>How long it took to get the job.</summary>
    public TimeSpan GetJobTime { get; init; }

    /// <summary>Where inputs that are not in the job directory are fetched from, in this order.</summary>
    public ImmutableArray<StorageAddress> StageIn { get; init; } = [];

    /// <summary>Where outputs are delivered, in this order; empty: they stay in the job directory.</summary>
    public ImmutableArray<StorageAddress> StageOut { get; init; } = [];

    /// <summary>The command line named them: the endpoints that jobs name do not count.</summary>
    public bool StageOutGiven { get; init; }

    /// <summary>Path of the result document, null = default of the command.</summary>
    public string? ResultFile { get; init; }
}
