namespace GridWrapper.Sites;

/// <summary>Where inputs come from and outputs go to when no pilot moves them, and how patiently. The section "storage" of a profile.</summary>
internal sealed record StoragePolicy
{
    /// <summary>Where inputs are looked for, in this order. Directories, http(s), dav(s) or root addresses.</summary>
    public ImmutableArray<string> StageIn { get; init; } = [];

    /// <summary>Where outputs are delivered: the first that takes a file has it, the others are for when it does not.</summary>
    public ImmutableArray<string> StageOut { get; init; } = [];

    /// <summary>The addresses of storages by the names that jobs have for them (Rucio's endpoints, ddmEndPointOut).</summary>
    public ImmutableSortedDictionary<string, string> Endpoints { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Hosts ("pool1.example.org") or domains ("*.example.org") that a storage may redirect to with the credentials. The storage's own host needs no entry.</summary>
    public ImmutableArray<string> TrustedHosts { get; init; } = [];

    /// <summary>Hosts or domains that a storage may redirect to without TLS, and without credentials.</summary>
    public ImmutableArray<string> PlainHttp { get; init; } = [];

    /// <summary>The xrdcp program; null: the one on PATH. xrdfs is taken from beside it.</summary>
    public string? Xrdcp { get; init; }

    /// <summary>How often each address is tried for each file.</summary>
    public double Tries { get; init; } = 3;

    /// <summary>Before the second try; doubled with each further one, up to a minute.</summary>
    public double PauseSeconds { get; init; } = 5;

    /// <summary>A transfer in which nothing moves for this long is given up.</summary>
    public double StallSeconds { get; init; } = 120;
}
