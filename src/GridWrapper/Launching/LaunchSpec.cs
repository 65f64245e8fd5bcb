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

    /// <summary>stdin is a terminal that the payload owns: it stays in our process group, and what the terminal signals reaches it without us.</summary>
    public bool Interactive { get; init; }

    /// <summary>In order; empty for the apptainer launcher.</summary>
    public ImmutableArray<LaunchOperation> Operations { get; init; } = [];
}
