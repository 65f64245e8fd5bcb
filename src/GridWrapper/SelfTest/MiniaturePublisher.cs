using GridWrapper.Images;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>Writes a miniature image in the forms in which images are kept in files. Every target must not exist yet; its parent must.</summary>
internal static class MiniaturePublisher
{
    /// <summary>An OCI image layout directory with one tag (image-spec, image-layout.md).</summary>
    internal static void WriteOciLayout(MiniatureImage image, string directory, string tag)
    {
        Directory.CreateDirectory(directory);
        MiniatureTree.Write(LayoutEntries(image, tag), directory);
    }

    /// <summary>The same as one uncompressed tar.</summary>
    internal static void WriteOciArchive(MiniatureImage image, string file, string tag) =>
        MiniatureTree.WriteFile(file, MiniatureLayer.WriteTar(LayoutEntries(image, tag)));

    /// <summary>What `docker save` writes: manifest.json, the configuration as HEX.json, and uncompressed layer tars.</summary>
    /// <param name="image">The image.</param>
    /// <param name="file">The archive to write.</param>
    /// <param name="name">Repository and tag, e.g. "miniature:latest" or "localhost:5000/miniature:1".</param>
    internal static void WriteDockerArchive(MiniatureImage image, string file, string name)
    {
        string config = image.Config.Digest.Hex + ".json";
        List<MiniatureEntry> entries = [new MiniatureEntry.RegularFile(config, image.Config.Content)];
        foreach (MiniatureLayer layer in image.Layers)
        {
            entries.Add(new MiniatureEntry.Folder(layer.DiffId.Hex));
            entries.Add(new MiniatureEntry.RegularFile(layer.DiffId.Hex + "/layer.tar", layer.Tar));
        }

        JArray manifest = [new JObject
        {
            ["Config"] = config,
            ["RepoTags"] = new JArray(name),
            ["Layers"] = new JArray(image.Layers.Select(l => l.DiffId.Hex + "/layer.tar")),
        }];
        entries.Add(MiniatureEntry.Text("manifest.json", manifest.ToString(Formatting.None)));
        MiniatureTree.WriteFile(file, MiniatureLayer.WriteTar(entries));
    }

    /// <summary>The root filesystem as a plain directory.</summary>
    internal static void WriteDirectory(MiniatureImage image, string directory)
    {
        Directory.CreateDirectory(directory);
        MiniatureTree.Write(MiniatureTree.Flatten(image.Layers), directory);
    }

    private static ImmutableArray<MiniatureEntry> LayoutEntries(MiniatureImage image, string tag)
    {
        JObject descriptor = MiniatureImage.DescriptorOf(image.OciManifest);
        descriptor["annotations"] = new JObject { ["org.opencontainers.image.ref.name"] = tag };
        JObject index = new() { ["schemaVersion"] = 2, ["mediaType"] = MiniatureImage.OciIndexType, ["manifests"] = new JArray(descriptor) };
        return
        [
            MiniatureEntry.Text("oci-layout", """{"imageLayoutVersion":"1.0.0"}"""),
            MiniatureEntry.Text("index.json", index.ToString(Formatting.None)),
            new MiniatureEntry.Folder("blobs"),
            new MiniatureEntry.Folder("blobs/sha256"),
            .. image.Blobs.Append(image.OciManifest).Select(b => new MiniatureEntry.RegularFile(BlobPath(b.Digest), b.Content)),
        ];
    }

    private static string BlobPath(Digest digest) => "blobs/sha256/" + digest.Hex;
}
