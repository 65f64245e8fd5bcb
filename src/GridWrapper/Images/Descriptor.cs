namespace GridWrapper.Images;

/// <summary>A reference to content by media type, digest and size in bytes (OCI image-spec, descriptor.md).</summary>
internal sealed record Descriptor(string MediaType, Digest Digest, long SizeBytes)
{
    /// <summary>Only in an index.</summary>
    public Platform? Platform { get; init; }

    /// <summary>Alternative locations; foreign layers have nothing else.</summary>
    public ImmutableArray<string> Urls { get; init; } = [];

    /// <summary>Set in an index entry that is not an image (signatures, bills of material…).</summary>
    public string? ArtifactType { get; init; }

    /// <summary>Free key-value pairs: the tag of an OCI layout's entry and the tables of contents of lazily readable layers live here.</summary>
    public ImmutableDictionary<string, string> Annotations { get; init; } = ImmutableDictionary<string, string>.Empty;
}
