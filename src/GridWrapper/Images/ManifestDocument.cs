namespace GridWrapper.Images;

/// <summary>What a registry (or a local layout) serves under a tag or a digest: one platform's image, or a choice of platforms.</summary>
internal abstract record ManifestDocument
{
    private ManifestDocument()
    {
    }

    internal sealed record Image(ImageManifest Manifest) : ManifestDocument;

    /// <summary>An OCI index or a Docker manifest list; entries in the order of the document, indexes of indexes included.</summary>
    internal sealed record Index(Digest Digest, string MediaType, ImmutableArray<Descriptor> Manifests) : ManifestDocument;
}
