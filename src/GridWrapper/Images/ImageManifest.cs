namespace GridWrapper.Images;

/// <summary>An OCI or Docker v2 schema 2 image manifest: one platform's configuration and layers, base layer first.</summary>
internal sealed record ImageManifest
{
    /// <summary>Digest of the manifest's own bytes as served.</summary>
    public required Digest Digest { get; init; }

    public required string MediaType { get; init; }

    public required Descriptor Config { get; init; }

    public required ImmutableArray<Descriptor> Layers { get; init; }
}
