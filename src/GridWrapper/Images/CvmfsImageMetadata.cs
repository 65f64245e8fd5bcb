namespace GridWrapper.Images;

/// <summary>
/// What a CVMFS image repository remembers of an image's manifest (<c>.metadata/…/manifest.json</c>). It is a re-written copy, so unlike
/// <see cref="ImageManifest"/> it has no digest: the hash of the file says nothing about the manifest in the registry.
/// </summary>
internal sealed record CvmfsImageMetadata(string MediaType, Descriptor Config, ImmutableArray<Descriptor> Layers);
