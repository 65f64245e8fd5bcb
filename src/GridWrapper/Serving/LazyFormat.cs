using GridWrapper.Images;

namespace GridWrapper.Serving;

/// <summary>How the parts of a layer are packed that can be read without the rest.</summary>
internal enum LazyKind
{
    /// <summary>gzip members and a table of contents: eStargz, and stargz before it.</summary>
    Estargz,

    /// <summary>zstd frames and a table of contents in a frame that is skipped: zstd:chunked in both dialects.</summary>
    ZstdChunked,
}

/// <summary>Where a table of contents lies in a blob, in bytes.</summary>
/// <param name="UnpackedLength">Of the JSON document; null where it is not said.</param>
internal sealed record TocPosition(long Offset, long Length, long? UnpackedLength = null);

/// <summary>What the manifest says of a layer that can be read piece by piece: enough to know that every piece will be the right one.</summary>
internal sealed record LazyFormat(LazyKind Kind)
{
    internal const string TocDigestAnnotation = "containerd.io/snapshot/stargz/toc.digest";

    private static readonly string[] ZstdPrefixes = ["io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."];

    /// <summary>Of the JSON document.</summary>
    public Digest? Toc { get; init; }

    /// <summary>Of the compressed document.</summary>
    public Digest? PackedToc { get; init; }

    /// <summary>Null where the blob's last bytes have to be asked.</summary>
    public TocPosition? Position { get; init; }

    /// <summary>The digest that all else hangs on.</summary>
    internal Digest Root => PackedToc ?? Toc!;

    /// <summary>Looks at a layer's descriptor only.</summary>
    /// <param name="refusal">Why the layer is not to be read piece by piece.</param>
    /// <returns>Null where it is not.</returns>
    internal static LazyFormat? Of(Descriptor layer, out string refusal)
    {
        refusal = "";
        Digest? toc = DigestIn(layer, TocDigestAnnotation);
        if (layer.MediaType is MediaTypes.OciLayerZstd or MediaTypes.DockerLayerZstd)
        {
            return Zstd(layer, toc, out refusal);
        }

        if (layer.MediaType is not (MediaTypes.OciLayerGzip or MediaTypes.DockerLayer + ".gzip"))
        {
            refusal = $"a layer of the type {Diagnostics.Quoted.Clean(layer.MediaType)} cannot be read piece by piece";
            return null;
        }

        refusal = toc is null ? $"the manifest vouches for no table of contents (there is no annotation {TocDigestAnnotation} with a sha256 digest)" : "";
        return toc is null ? null : new LazyFormat(LazyKind.Estargz) { Toc = toc };
    }

    private static LazyFormat? Zstd(Descriptor layer, Digest? toc, out string refusal)
    {
        refusal = "";
        foreach (string prefix in ZstdPrefixes)
        {
            if (DigestIn(layer, prefix + "manifest-checksum") is { } packed)
            {
                TocPosition? position = layer.Annotations.TryGetValue(prefix + "manifest-position", out string? text) ? Parse(text, layer.SizeBytes) : null;
                return new LazyFormat(LazyKind.ZstdChunked) { Toc = toc, PackedToc = packed, Position = position };
            }
        }

        refusal = toc is null ? "the manifest vouches for no table of contents (no annotation of zstd:chunked with a sha256 digest)" : "";
        return toc is null ? null : new LazyFormat(LazyKind.ZstdChunked) { Toc = toc };
    }

    private static Digest? DigestIn(Descriptor layer, string annotation) =>
        Digest.TryParse(layer.Annotations.GetValueOrDefault(annotation), out Digest? digest) ? digest : null;

    /// <summary>offset:packed length:unpacked length:type. Anything else is as good as nothing: the blob's end says it too.</summary>
    private static TocPosition? Parse(string text, long blobBytes)
    {
        string[] parts = text.Split(':');
        long[] numbers = new long[4];
        bool sound = parts.Length == 4;
        for (int i = 0; sound && i < 4; i++)
        {
            sound = long.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]);
        }

        return sound && numbers[3] == LazyFooter.ZstdType && LazyFooter.IsWithin(numbers[0], numbers[1], blobBytes) ? new TocPosition(numbers[0], numbers[1], numbers[2]) : null;
    }
}
