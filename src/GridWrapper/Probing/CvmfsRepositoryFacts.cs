namespace GridWrapper.Probing;

/// <summary>The state of one repository.</summary>
internal sealed record CvmfsRepositoryFacts
{
    public required string Name { get; init; }

    public required string Path { get; init; }

    public required CvmfsState State { get; init; }

    /// <summary>The step that decided and what came back, for people.</summary>
    public required string Detail { get; init; }

    public string? Errno { get; init; }

    public required double Seconds { get; init; }

    /// <summary>Magic attributes that answered: revision, root_hash, host, proxy, version, nioerr…</summary>
    public ImmutableDictionary<string, string> Attributes { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>What is not well although the repository is usable: cache pressure, errors on the rise, no proxy.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];

    /// <summary>A probe child that could not be killed and had to be left behind.</summary>
    public int? LeakedProbePid { get; init; }

    public bool Usable => State is CvmfsState.Healthy or CvmfsState.Copy;
}

internal enum CvmfsState
{
    Healthy,

    /// <summary>Readable, but not a CVMFS mount (plain copy, NFS export, test tree): used only where the profile accepts copies.</summary>
    Copy,

    Absent,

    /// <summary>ENOTCONN/ECONNABORTED: the client died.</summary>
    Dead,

    /// <summary>The deadline passed; the probe child could be ended.</summary>
    Slow,

    /// <summary>The deadline passed and the probe child could not be ended.</summary>
    Hung,

    /// <summary>Mounted but unreadable: EIO, empty root listing.</summary>
    Broken,

    Forbidden,

    /// <summary>ELOOP: private mount namespace without the repository.</summary>
    NamespacePrivate,
}
