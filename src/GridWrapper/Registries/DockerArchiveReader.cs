using System.Security.Cryptography;
using GridWrapper.Images;
using GridWrapper.Probing;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Registries;

/// <summary>
/// The format of docker save: manifest.json names a configuration and layer files. There is no manifest with a digest in it, so one is written
/// here, as a push of the same files would have it; its digest stands for the image in reports.
/// </summary>
internal static class DockerArchiveReader
{
    internal static LocalImage Read(IImageFiles files, string? tag, NodeFacts node, CancellationToken ct)
    {
        Entry entry = Choose(files, Parse(files), tag);
        byte[] configBytes = LocalImages.ReadSmall(files, entry.Config);
        ImageConfig config = ImageConfigReader.Read(configBytes, files.Description);
        if (config.DiffIds.Length != entry.Layers.Length || config.DiffIds.IsEmpty)
        {
            throw LocalFault.Bad(files.Description, $"its manifest.json lists {entry.Layers.Length} layers and its configuration {config.DiffIds.Length} diff_ids");
        }

        ImmutableDictionary<Digest, string>.Builder names = ImmutableDictionary.CreateBuilder<Digest, string>();
        ImmutableArray<Descriptor>.Builder layers = ImmutableArray.CreateBuilder<Descriptor>();
        for (int i = 0; i < entry.Layers.Length; i++)
        {
            Descriptor layer = Describe(files, entry.Layers[i], config.DiffIds[i], ct);
            names[layer.Digest] = entry.Layers[i];
            layers.Add(layer);
        }

        ImageManifest manifest = Write(new Descriptor(MediaTypes.DockerConfig, Digest.Of(configBytes), configBytes.Length), layers.ToImmutable());
        return new LocalImage(ImageResolver.Combine(manifest, configBytes, node, files.Description), new FileBlobs(files, names.ToImmutable()));
    }

    private static ImmutableArray<Entry> Parse(IImageFiles files)
    {
        try
        {
            JToken root = JsonText.Parse(LocalImages.ReadSmall(files, "manifest.json"), ManifestReader.MaxBytes, DuplicatePropertyNameHandling.Error);
            return [.. ((JArray)root).Select(item => new Entry(
                (string?)item["Config"] ?? throw new FormatException("an image without Config"),
                [.. ((item["RepoTags"] as JArray) ?? []).Select(t => (string?)t ?? "")],
                [.. ((JArray?)item["Layers"] ?? throw new FormatException("an image without Layers")).Select(l => (string?)l ?? "")]))];
        }
        catch (Exception e) when (e is FormatException or InvalidCastException or InvalidOperationException or ArgumentException)
        {
            throw LocalFault.Bad(files.Description, $"its manifest.json is not what docker save writes ({e.Message})", e);
        }
    }

    private static Entry Choose(IImageFiles files, ImmutableArray<Entry> entries, string? tag)
    {
        Entry[] fitting = [.. entries.Where(e => tag is null || e.Tags.Any(t => t == tag || t.EndsWith(":" + tag, StringComparison.Ordinal)))];
        string there = string.Join(", ", entries.SelectMany(e => e.Tags).Select(Diagnostics.Quoted.Text).DefaultIfEmpty("none"));
        return fitting.Length switch
        {
            1 => fitting[0],
            0 => throw LocalFault.NoSuchFile(files.Description, $"holds no image with the tag {Diagnostics.Quoted.Text(tag)}; its tags: {there}"),
            _ => throw LocalFault.NoSuchFile(files.Description, $"holds several images; name one of the tags {there}"),
        };
    }

    /// <summary>An uncompressed layer's digest is its diffID, and a name of the form blobs/sha256/… states it; what is left must be read.</summary>
    private static Descriptor Describe(IImageFiles files, string name, Digest diffId, CancellationToken ct)
    {
        long size = files.SizeOf(name) ?? throw LocalFault.Bad(files.Description, $"its layer '{Diagnostics.Quoted.Clean(name)}' is not in it");
        if (Digest.TryParseHex(name[(name.LastIndexOf('/') + 1)..], out Digest? named))
        {
            return new Descriptor(MediaTypes.DockerLayer, named, size);
        }

        using Stream stream = files.Open(name);
        Span<byte> magic = stackalloc byte[4];
        bool packed = stream.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4 && (magic is [0x1F, 0x8B, ..] or [0x28, 0xB5, 0x2F, 0xFD]);
        if (!packed)
        {
            return new Descriptor(MediaTypes.DockerLayer, diffId, size);
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(magic);
        byte[] buffer = new byte[81920];
        for (int got = stream.Read(buffer); got > 0; got = stream.Read(buffer))
        {
            ct.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, got);
        }

        return new Descriptor(magic[0] == 0x1F ? MediaTypes.DockerLayerGzip : MediaTypes.DockerLayerZstd, Digest.FromHash(hash.GetHashAndReset()), size);
    }

    private static ImageManifest Write(Descriptor config, ImmutableArray<Descriptor> layers)
    {
        var document = new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.DockerManifest,
            ["config"] = Json(config),
            ["layers"] = new JArray(layers.Select(Json)),
        };
        byte[] bytes = Encoding.UTF8.GetBytes(document.ToString(Formatting.None));
        return new ImageManifest { Digest = Digest.Of(bytes), MediaType = MediaTypes.DockerManifest, Config = config, Layers = layers };
    }

    private static JObject Json(Descriptor descriptor) => new()
    {
        ["mediaType"] = descriptor.MediaType,
        ["size"] = descriptor.SizeBytes,
        ["digest"] = descriptor.Digest.ToString(),
    };

    private sealed record Entry(string Config, ImmutableArray<string> Tags, ImmutableArray<string> Layers);
}
