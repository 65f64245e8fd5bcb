using System.Runtime.InteropServices;
using GridWrapper.Images;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>
/// A small but complete image: three layers with everything that makes unpacking interesting (deleted file, opaque directory, links, a private directory),
/// the configuration, and the documents that name them (OCI image-spec; Docker image manifest v2 schema 2).
/// </summary>
internal sealed record MiniatureImage
{
    internal const string OciManifestType = "application/vnd.oci.image.manifest.v1+json";
    internal const string OciIndexType = "application/vnd.oci.image.index.v1+json";
    internal const string OciConfigType = "application/vnd.oci.image.config.v1+json";
    internal const string DockerManifestType = "application/vnd.docker.distribution.manifest.v2+json";
    internal const string DockerConfigType = "application/vnd.docker.container.image.v1+json";

    /// <summary>Where the payload finds <see cref="Marker"/> inside the image.</summary>
    internal const string MarkerPath = "srv/marker";

    /// <summary>Value of PATH in the image.</summary>
    internal const string SearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private const string Created = "2023-11-14T22:13:20Z";

    public required Platform Platform { get; init; }

    /// <summary>The line that the image's marker file holds, without its newline: tells which image a payload really ran in.</summary>
    public required string Marker { get; init; }

    /// <summary>Base layer first.</summary>
    public required ImmutableArray<MiniatureLayer> Layers { get; init; }

    /// <summary>The configuration; its digest is the image ID.</summary>
    public required MiniatureBlob Config { get; init; }

    public required MiniatureBlob OciManifest { get; init; }

    public required MiniatureBlob DockerManifest { get; init; }

    /// <summary>An OCI index whose first entry is another platform's image, and whose second is <see cref="OciManifest"/>.</summary>
    public required MiniatureBlob Index { get; init; }

    /// <summary>The index's other image: manifest and configuration, without layers.</summary>
    public required ImmutableArray<MiniatureBlob> ForeignBlobs { get; init; }

    /// <summary>KEY=value, as the configuration has them.</summary>
    internal static ImmutableArray<string> Environment => [$"PATH={SearchPath}", "GRIDWRAP_MINIATURE=1"];

    internal static ImmutableArray<string> Command => ["/bin/sh"];

    internal const string WorkingDirectory = "/srv";

    /// <summary>Configuration and layers, in the order in which a client fetches them.</summary>
    internal IEnumerable<MiniatureBlob> Blobs => [Config, .. Layers.Select(l => new MiniatureBlob(MiniatureLayer.OciMediaType, l.Blob, l.Digest))];

    /// <summary>Makes the image. The same programs and marker always give the same digests.</summary>
    internal static MiniatureImage Create(NodePrograms programs, string marker = "gridwrap miniature image")
    {
        Platform platform = new("linux", RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64");
        ImmutableArray<MiniatureLayer> layers = [.. MiniatureContent.Layers(programs, marker).Select(entries => MiniatureLayer.Create(entries))];
        MiniatureBlob config = Document(OciConfigType, ConfigOf(platform, layers));
        MiniatureBlob manifest = Document(OciManifestType, ManifestOf(OciManifestType, config, layers, MiniatureLayer.OciMediaType));
        MiniatureBlob dockerConfig = config with { MediaType = DockerConfigType };
        MiniatureBlob docker = Document(DockerManifestType, ManifestOf(DockerManifestType, dockerConfig, layers, MiniatureLayer.DockerMediaType));
        Platform foreign = new("linux", "s390x");
        MiniatureBlob foreignConfig = Document(OciConfigType, ConfigOf(foreign, []));
        MiniatureBlob foreignManifest = Document(OciManifestType, ManifestOf(OciManifestType, foreignConfig, [], MiniatureLayer.OciMediaType));
        return new MiniatureImage
        {
            Platform = platform,
            Marker = marker,
            Layers = layers,
            Config = config,
            OciManifest = manifest,
            DockerManifest = docker,
            Index = Document(OciIndexType, IndexOf((foreignManifest, foreign), (manifest, platform))),
            ForeignBlobs = [foreignManifest, foreignConfig],
        };
    }

    /// <summary>mediaType, digest and size of a blob.</summary>
    internal static JObject DescriptorOf(MiniatureBlob blob) => new()
    {
        ["mediaType"] = blob.MediaType,
        ["digest"] = blob.Digest.ToString(),
        ["size"] = blob.Content.Length,
    };

    private static JObject ConfigOf(Platform platform, ImmutableArray<MiniatureLayer> layers) => new()
    {
        ["created"] = Created,
        ["architecture"] = platform.Architecture,
        ["os"] = platform.Os,
        ["config"] = new JObject
        {
            ["Env"] = new JArray(Environment),
            ["Cmd"] = new JArray(Command),
            ["WorkingDir"] = WorkingDirectory,
            ["Labels"] = new JObject { ["org.opencontainers.image.title"] = "gridwrap miniature image" },
        },
        ["rootfs"] = new JObject { ["type"] = "layers", ["diff_ids"] = new JArray(layers.Select(l => l.DiffId.ToString())) },
        ["history"] = new JArray(layers.Select(_ => new JObject { ["created"] = Created, ["created_by"] = "gridwrap selftest" })),
    };

    private static JObject ManifestOf(string mediaType, MiniatureBlob config, ImmutableArray<MiniatureLayer> layers, string layerType) => new()
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = mediaType,
        ["config"] = DescriptorOf(config),
        ["layers"] = new JArray(layers.Select(l => DescriptorOf(new MiniatureBlob(layerType, l.Blob, l.Digest)))),
    };

    private static JObject IndexOf(params ReadOnlySpan<(MiniatureBlob Manifest, Platform Platform)> images)
    {
        JArray manifests = [];
        foreach ((MiniatureBlob manifest, Platform platform) in images)
        {
            JObject descriptor = DescriptorOf(manifest);
            descriptor["platform"] = new JObject { ["architecture"] = platform.Architecture, ["os"] = platform.Os };
            manifests.Add(descriptor);
        }

        return new JObject { ["schemaVersion"] = 2, ["mediaType"] = OciIndexType, ["manifests"] = manifests };
    }

    private static MiniatureBlob Document(string mediaType, JObject document)
    {
        byte[] content = Encoding.UTF8.GetBytes(document.ToString(Formatting.None));
        return new MiniatureBlob(mediaType, content, Digest.Of(content));
    }
}
