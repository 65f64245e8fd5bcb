namespace GridWrapper.Images;

/// <summary>The media types of container images that this program knows (OCI image-spec, media-types.md; distribution, manifest-v2-2.md).</summary>
internal static class MediaTypes
{
    internal const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    internal const string OciIndex = "application/vnd.oci.image.index.v1+json";
    internal const string OciConfig = "application/vnd.oci.image.config.v1+json";
    internal const string OciLayer = "application/vnd.oci.image.layer.v1.tar";
    internal const string OciLayerGzip = OciLayer + "+gzip";
    internal const string OciLayerZstd = OciLayer + "+zstd";
    internal const string OciForeignLayer = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    internal const string OciForeignLayerGzip = OciForeignLayer + "+gzip";
    internal const string OciForeignLayerZstd = OciForeignLayer + "+zstd";

    internal const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    internal const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    internal const string DockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
    internal const string DockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    internal const string DockerConfig = "application/vnd.docker.container.image.v1+json";
    internal const string DockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
    internal const string DockerLayerGzip = DockerLayer + ".gzip";
    internal const string DockerLayerZstd = DockerLayer + ".zstd";
    internal const string DockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar";
    internal const string DockerForeignLayerGzip = DockerForeignLayer + ".gzip";

    /// <summary>What a request for a manifest accepts, in the order of preference.</summary>
    internal static readonly ImmutableArray<string> AcceptedManifests = [OciIndex, DockerList, OciManifest, DockerManifest];

    internal static bool IsManifest(string mediaType) => mediaType is OciManifest or DockerManifest;

    internal static bool IsIndex(string mediaType) => mediaType is OciIndex or DockerList;

    internal static bool IsSchema1(string mediaType) => mediaType is DockerSchema1 or DockerSchema1Signed;

    internal static bool IsLayer(string mediaType) =>
        mediaType is OciLayer or OciLayerGzip or OciLayerZstd or DockerLayer or DockerLayerGzip or DockerLayerZstd || IsForeignLayer(mediaType);

    /// <summary>Layers that a registry need not hold; they come from the descriptor's URLs.</summary>
    internal static bool IsForeignLayer(string mediaType) =>
        mediaType is OciForeignLayer or OciForeignLayerGzip or OciForeignLayerZstd or DockerForeignLayer or DockerForeignLayerGzip;

    /// <summary>
    /// True if a manifest of the given type with this configuration is a container image. Old Docker registries recorded generic types for the
    /// configuration (docker/distribution issue 1621), so in a Docker manifest, and only there, these pass too.
    /// </summary>
    internal static bool IsImageConfig(string mediaType, string manifestType) =>
        mediaType is OciConfig or DockerConfig
        || (manifestType == DockerManifest && (mediaType is "application/octet-stream" or "application/json" or "text/html"));

    /// <summary>A Content-Type header without its parameters, lower case; empty for null.</summary>
    internal static string WithoutParameters(string? contentType)
    {
        string text = contentType ?? "";
        int semicolon = text.IndexOf(';', StringComparison.Ordinal);
        return (semicolon < 0 ? text : text[..semicolon]).Trim().ToLowerInvariant();
    }
}
