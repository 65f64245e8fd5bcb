namespace GridWrapper.Images;

/// <summary>A reference to content by media type, digest and size in bytes (OCI image-spec, descriptor.md).</summary>
internal sealed record Descriptor(string MediaType, Digest Digest, long SizeBytes)
{
    /// <summary>Only in an index.</summary>
    public Platform? Platform { get; init; }

    /// <summary>Alternative locations; foreign layers have nothing else.</summary>
    public ImmutableArray<string> Urls { get; init; } = [];
}
