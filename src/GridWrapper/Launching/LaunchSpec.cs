namespace GridWrapper.Launching;

/// <summary>The launch as data: what a launcher will execute, complete and printable.</summary>
internal sealed record LaunchSpec
{
    public required string Launcher { get; init; }

    /// <summary>rootless: the payload's argv inside. apptainer: the complete argv of the runtime on the host, program first.</summary>
    public required ImmutableArray<string> Argv { get; init; }

    /// <summary>rootless: the payload's whole environment. apptainer: the environment of the runtime process.</summary>
    public required ImmutableSortedDictionary<string, string> Environment { get; init; }

    /// <summary>rootless: working directory inside. apptainer: of the runtime process on the host.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>Lines "inside outside count" of the user namespace; empty where the runtime decides.</summary>
    public ImmutableArray<string> UidMap { get; init; } = [];

    public ImmutableArray<string> GidMap { get; init; } = [];

    /// <summary>What the first TERM becomes for the payload.</summary>
    public int StopSignal { get; init; } = 15;

    /// <summary>The payload leads a session of its own whose terminal is its standard input (the slave side of a pseudo-terminal).</summary>
    public bool Terminal { get; init; }

    /// <summary>Host directory of the cgroup (v2) that the whole tree joins before anything else; null = the caller's.</summary>
    public string? CgroupDirectory { get; init; }

    /// <summary>Set on the payload just before its program starts.</summary>
    public ImmutableArray<ResourceLimit> ResourceLimits { get; init; } = [];

    /// <summary>The payload shares the caller's session keyring (AFS, Kerberos); otherwise it gets an empty one.</summary>
    public bool KeepKeyring { get; init; }

    /// <summary>Program that writes the uid map in place of the helper (newuidmap), null where the map is the caller's own id only.</summary>
    public string? UidMapper { get; init; }

    public string? GidMapper { get; init; }

    /// <summary>Map of a second user namespace, the payload's own, below the one that owns the mounts; empty = none.</summary>
    public ImmutableArray<string> InnerUidMap { get; init; } = [];

    public ImmutableArray<string> InnerGidMap { get; init; } = [];

    /// <summary>Changes of ownership and identity are answered with success and not made.</summary>
    public bool FakeRoot { get; init; }

    /// <summary>System calls that jobs have no need of are refused (src/init/filter.c lists them).</summary>
    public bool DenySystemCalls { get; init; }

    /// <summary>What people should know before it runs, null for nothing.</summary>
    public string? Warning { get; init; }

    /// <summary>apptainer: what gridwrap-init does when the runtime has started it in the container; no variables = those that the runtime set. Null where the runtime starts the payload.</summary>
    public LaunchSpec? Inside { get; init; }

    /// <summary>What the operation "serve" shows; null where there is none, and in a prediction.</summary>
    public Serving.ServedRoot? Served { get; init; }

    /// <summary>In order; empty for the apptainer launcher.</summary>
    public ImmutableArray<LaunchOperation> Operations { get; init; } = [];
}
