using GridWrapper.Images;
using GridWrapper.SelfTest;
using GridWrapper.Tests.Layers;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.BadInput;

/// <summary>An image of one layer with one file. Each part can be replaced by a wrong one; what depends on it follows, so that only one thing is wrong.</summary>
internal sealed record TinyImage
{
    /// <summary>The uncompressed tar.</summary>
    public byte[] Tar { get; init; } = new TarBuilder().Dir("etc").File("etc/hello", "hello").Build();

    /// <summary>The layer as the manifest describes it; null for the gzip of <see cref="Tar"/>.</summary>
    public byte[]? Blob { get; init; }

    /// <summary>The layer as it is served; null for <see cref="Layer"/>.</summary>
    public ScriptedAnswer? ServedLayer { get; init; }

    /// <summary>The diffIDs of the configuration; null for the digest of <see cref="Tar"/>.</summary>
    public string[]? DiffIds { get; init; }

    public string? Config { get; init; }

    /// <summary>The whole manifest; null for a right one.</summary>
    public string? Manifest { get; init; }

    public string ManifestType { get; init; } = MiniatureImage.OciManifestType;

    /// <summary>Header lines of the manifest's answer.</summary>
    public string[] ManifestHeaders { get; init; } = [];

    internal byte[] Layer => Blob ?? TarBuilder.Gzip(Tar);

    internal byte[] ConfigBytes => Encoding.UTF8.GetBytes(Config ?? new JObject
    {
        ["architecture"] = "amd64",
        ["os"] = "linux",
        ["config"] = new JObject { ["Cmd"] = new JArray("/bin/sh") },
        ["rootfs"] = new JObject { ["type"] = "layers", ["diff_ids"] = new JArray(DiffIds ?? [Digest.Of(Tar).ToString()]) },
    }.ToString(Formatting.None));

    internal ScriptedAnswer ManifestAnswer => ScriptedAnswer.Text(200, ManifestType, Manifest ?? Right().ToString(Formatting.None)) with { Headers = ManifestHeaders };

    internal IEnumerable<(string Digest, ScriptedAnswer Answer)> Blobs =>
    [
        (Digest.Of(ConfigBytes).ToString(), new ScriptedAnswer(200, "application/octet-stream", ConfigBytes)),
        (Digest.Of(Layer).ToString(), ServedLayer ?? new ScriptedAnswer(200, "application/octet-stream", Layer)),
    ];

    /// <summary>The manifest that fits the rest.</summary>
    internal JObject Right() => new()
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = MiniatureImage.OciManifestType,
        ["config"] = Descriptor(MiniatureImage.OciConfigType, ConfigBytes),
        ["layers"] = new JArray(Descriptor(MiniatureLayer.OciMediaType, Layer)),
    };

    private static JObject Descriptor(string type, byte[] content) => new()
    {
        ["mediaType"] = type,
        ["digest"] = Digest.Of(content).ToString(),
        ["size"] = content.Length,
    };
}
