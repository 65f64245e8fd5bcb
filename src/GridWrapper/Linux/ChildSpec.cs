namespace GridWrapper.Linux;

/// <summary>A child process to be started by <see cref="ChildProcess"/>: an absolute program, explicit arguments and environment, and explicit descriptors.</summary>
internal sealed record ChildSpec
{
    /// <summary>Absolute path; no PATH search is made.</summary>
    public required string Program { get; init; }

    /// <summary>argv including argv[0].</summary>
    public required ImmutableArray<string> Argv { get; init; }

    /// <summary>KEY=value entries; nothing is inherited.</summary>
    public required ImmutableArray<string> Environment { get; init; }

    /// <summary>Descriptors of the child: child number ← parent's descriptor. 0, 1, 2 not named here are inherited; everything else is closed on exec.</summary>
    public ImmutableArray<(int Child, int Parent)> Descriptors { get; init; } = [];

    /// <summary>Own process group, so that a terminal's signals and our group kills do not mix.</summary>
    public bool NewProcessGroup { get; init; }

    /// <summary>With <see cref="NewProcessGroup"/>: when the child has ended, the rest of its group is killed, before its number can be given to another.</summary>
    public bool KillGroupAtExit { get; init; }

    /// <summary>Absolute path; null = this process's own.</summary>
    public string? WorkingDirectory { get; init; }
}
