namespace GridWrapper.Probing;

/// <summary>Which groups of facts are wanted. Identity and size of the node are always found.</summary>
internal sealed record ProbeRequest
{
    public bool Namespaces { get; init; }

    public bool Runtimes { get; init; }

    /// <summary>
    /// Beginning of the name of a directory on a local file system, to be made and removed, for really running a program with each runtime;
    /// null = their version lines suffice.
    /// </summary>
    public string? RuntimeTrialDirectory { get; init; }

    /// <summary>Repositories to look at; null = the group is not asked. Those of CVMFS runtimes are added where <see cref="Runtimes"/> is asked.</summary>
    public ImmutableArray<string>? CvmfsRepositories { get; init; }

    /// <summary>Purpose and path of places that will be written to.</summary>
    public ImmutableArray<(string Purpose, string Path)> Space { get; init; } = [];

    public bool Cgroups { get; init; }

    /// <summary>/dev/fuse and the programs that serve image files.</summary>
    public bool Fuse { get; init; }

    /// <summary>/dev/fuse alone.</summary>
    public bool FuseDevice { get; init; }

    public bool Gpus { get; init; }

    public bool Zstd { get; init; }

    public bool Zlib { get; init; }

    public bool Proxies { get; init; }
}
