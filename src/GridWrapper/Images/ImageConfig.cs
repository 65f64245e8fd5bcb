namespace GridWrapper.Images;

/// <summary>The parts of an OCI image configuration that running needs (image-spec, config.md).</summary>
internal sealed record ImageConfig
{
    /// <summary>Digest of the configuration blob, the "image ID"; null where the configuration was read from somewhere else than the blob.</summary>
    public Digest? Digest { get; init; }

    public required Platform Platform { get; init; }

    public ImmutableArray<string> Entrypoint { get; init; } = [];

    public ImmutableArray<string> Cmd { get; init; } = [];

    /// <summary>KEY=value entries in the image's order.</summary>
    public ImmutableArray<string> Env { get; init; } = [];

    public string WorkingDir { get; init; } = "";

    public string User { get; init; } = "";

    public string StopSignal { get; init; } = "";

    public ImmutableArray<string> Volumes { get; init; } = [];

    /// <summary>By name.</summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Digests of the uncompressed layer tars, base layer first; as many as the manifest has layers.</summary>
    public ImmutableArray<Digest> DiffIds { get; init; } = [];
}
