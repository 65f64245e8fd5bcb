namespace GridWrapper.Sites;

/// <summary>What a site decides about its nodes. JSON with comments; schema in site-configs/schema.json. Every member has a default, so `{ "name": "x" }` is a profile.</summary>
internal sealed record SiteProfile
{
    public required string Name { get; init; }

    public string Description { get; init; } = "";

    public CvmfsPolicy Cvmfs { get; init; } = new();

    /// <summary>Strategy names in the order of preference at equal cost; a strategy not named here is not used.</summary>
    public ImmutableArray<string> Strategies { get; init; } = ["directory", "cvmfs-flat", "cvmfs-layers", "local", "sif", "registry", "packed", "lazy"];

    /// <summary>Launcher names in the order of preference; a launcher not named here is not used.</summary>
    public ImmutableArray<string> Launchers { get; init; } = ["rootless", "apptainer"];

    public CachePolicy Cache { get; init; } = new();

    public ServingPolicy Serving { get; init; } = new();

    /// <summary>
    /// Directories of layers, looked into in this order. Unless --cache, GRIDWRAP_CACHE or cache.directory name another place, new layers go to the first in which the user may keep
    /// a cache; all others are only read. May hold ${VAR} references to the environment.
    /// </summary>
    public ImmutableArray<string> CacheRoots { get; init; } = [];

    public RegistryPolicy Registries { get; init; } = new();

    public ImagePolicy Images { get; init; } = new();

    public ApptainerPolicy Apptainer { get; init; } = new();

    /// <summary>Host paths that every payload sees.</summary>
    public ImmutableArray<BindRule> Binds { get; init; } = [];

    public EnvironmentPolicy Environment { get; init; } = new();

    /// <summary>Between SIGTERM and SIGKILL to the payload. The pilot allows 10 s in all.</summary>
    public double GraceSeconds { get; init; } = 8;

    /// <summary>Wall-clock limit for payloads, null for none.</summary>
    public double? MaxWallSeconds { get; init; }

    /// <summary>"auto" (devices are given to payloads when the node has them), "on" (a node without is refused) or "off".</summary>
    public string Gpu { get; init; } = "auto";

    /// <summary>"auto" (by call style), "oci" or "singularity": by whose rules an image's entry point, directory and variables are read where the command line does not say.</summary>
    public string Personality { get; init; } = "auto";

    public PandaPolicy Panda { get; init; } = new();

    public IsolationPolicy Isolation { get; init; } = new();

    public IdentityPolicy Identity { get; init; } = new();

    public LimitPolicy Limits { get; init; } = new();

    public StoragePolicy Storage { get; init; } = new();
}

/// <summary>How CVMFS is looked at and how far it is trusted.</summary>
internal sealed record CvmfsPolicy
{
    public string Root { get; init; } = "/cvmfs";

    /// <summary>Image repositories in DUCC layout, tried in this order.</summary>
    public ImmutableArray<string> ImageRepositories { get; init; } = ["unpacked.cern.ch"];

    /// <summary>Repositories that payloads need; touched before the launch so that autofs mounts them.</summary>
    public ImmutableArray<string> Repositories { get; init; } = [];

    /// <summary>Deadline for the first touch of a repository (a cold mount may need tens of seconds).</summary>
    public double FirstTouchSeconds { get; init; } = 60;

    /// <summary>Deadline for each later step.</summary>
    public double StepSeconds { get; init; } = 15;

    /// <summary>What to do when the name in CVMFS points to another image than the registry's: "refuse" or "accept".</summary>
    public string StaleImages { get; init; } = "refuse";

    /// <summary>What to do when the registry cannot be asked: "accept" or "refuse".</summary>
    public string UnverifiedImages { get; init; } = "accept";

    /// <summary>Whether plain copies or exports of a repository (no CVMFS client) are good enough: "accept" or "refuse".</summary>
    public string Copies { get; init; } = "refuse";

    /// <summary>Whether payloads see /cvmfs.</summary>
    public bool BindIntoPayload { get; init; } = true;
}

/// <summary>Where the node's cache lies.</summary>
internal sealed record CachePolicy
{
    /// <summary>Null: ${TMPDIR:-/tmp}/gridwrap-&lt;uid&gt;. May hold ${VAR} references to the environment.</summary>
    public string? Directory { get; init; }

    /// <summary>Above this size the layers used longest ago are removed before new ones are fetched, and by `cache gc`. Null: no limit.</summary>
    public double? MaxBytes { get; init; }
}

/// <summary>How registries are reached.</summary>
internal sealed record RegistryPolicy
{
    /// <summary>host[:port] of registries spoken to without TLS; loopback registries need no entry.</summary>
    public ImmutableArray<string> PlainHttp { get; init; } = [];

    /// <summary>A docker config.json with credentials; --registry-config and REGISTRY_AUTH_FILE beat it.</summary>
    public string? ConfigFile { get; init; }

    /// <summary>A server that sends nothing for this long is given up.</summary>
    public double StallSeconds { get; init; } = 30;

    /// <summary>Mirrors and pull-through caches, asked in this order before the registry itself.</summary>
    public ImmutableArray<RegistryMirror> Mirrors { get; init; } = [];

    /// <summary>host[:port] of servers from which layers may come that an image says are kept outside of its registry.</summary>
    public ImmutableArray<string> ForeignLayers { get; init; } = [];
}

/// <summary>Another server with the content of a registry.</summary>
/// <param name="Registry">host[:port] as image references name it.</param>
/// <param name="Url">Scheme, host and port of the mirror; a path behind them stands before the names of repositories there.</param>
internal sealed record RegistryMirror(string Registry, string Url);

/// <summary>Which Apptainer or Singularity may be used, and how.</summary>
internal sealed record ApptainerPolicy
{
    /// <summary>Programs tried before PATH.</summary>
    public ImmutableArray<string> Programs { get; init; } = [];

    /// <summary>Programs below the CVMFS root tried after PATH.</summary>
    public ImmutableArray<string> CvmfsPrograms { get; init; } =
        ["atlas.cern.ch/repo/containers/sw/apptainer/x86_64-el9/current/bin/apptainer", "oasis.opensciencegrid.org/mis/apptainer/current/bin/apptainer"];

    /// <summary>Extra arguments put after `exec`.</summary>
    public ImmutableArray<string> Options { get; init; } = [];
}

/// <summary>One host path shown to payloads.</summary>
/// <param name="Source">Host path; ${VAR} of the environment is expanded.</param>
/// <param name="Target">Path inside, null = same.</param>
/// <param name="ReadOnly">Read-only inside, submounts included.</param>
/// <param name="Optional">Left out silently where the source does not exist.</param>
internal sealed record BindRule(string Source, string? Target = null, bool ReadOnly = true, bool Optional = true);

/// <summary>Which variables of the caller's environment payloads see. Everything else is dropped.</summary>
internal sealed record EnvironmentPolicy
{
    /// <summary>Names, or prefixes ending in '*'.</summary>
    public ImmutableArray<string> Pass { get; init; } =
        ["LANG", "LC_ALL", "TZ", "TERM", "PANDA_RESOURCE", "PandaID", "PanDA_TaskID", "PanDA_AttemptNr", "FRONTIER_SERVER", "FRONTIER_ID", "CMSSW_VERSION", "INDS",
         "ATHENA_PROC_NUMBER", "ATHENA_CORE_NUMBER", "ROOT_TTREECACHE_SIZE", "ROOTCORE_NCPUS", "RUCIO_APPID", "MAKEFLAGS", "OMP_NUM_THREADS",
         "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "NVIDIA_*"];

    public ImmutableSortedDictionary<string, string> Set { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Whether the job's X.509 proxy is copied into the job directory as user_proxy and X509_CERT_DIR is shown, as the transform does.</summary>
    public bool GiveProxy { get; init; }
}

/// <summary>The workload manager, for stand-alone use.</summary>
internal sealed record PandaPolicy
{
    public string? Server { get; init; }

    /// <summary>PanDA queue (site_name).</summary>
    public string? Queue { get; init; }

    public double HeartbeatSeconds { get; init; } = 1800;

    /// <summary>How long the final update is retried before it is left in the spool.</summary>
    public double FinalUpdateSeconds { get; init; } = 7200;

    /// <summary>Between two questions to a queue that had no job.</summary>
    public double PullPauseSeconds { get; init; } = 60;

    /// <summary>Questions in a row without a job, after which the queue counts as drained.</summary>
    public int PullTries { get; init; } = 5;

    /// <summary>Sent with updates as grid, null for nothing.</summary>
    public string? Grid { get; init; }

    /// <summary>Asked for with jobs, e.g. SCORE or MCORE; null for any.</summary>
    public string? ResourceType { get; init; }

    /// <summary>Asked for with jobs; null for any.</summary>
    public string? JobType { get; init; }

    /// <summary>A proxy with less left is too short to ask for a job with.</summary>
    public double ProxySeconds { get; init; } = 2400;
}
