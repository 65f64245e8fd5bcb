using GridWrapper.Images;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>
/// Publishes a miniature image in a directory that looks like a CVMFS repository written by DUCC: flattened tree by image ID, layers by blob digest with raw
/// whiteouts, public names as relative links, rewritten manifests.
/// </summary>
internal static class MiniatureCvmfs
{
    private const string CatalogMarker = ".cvmfscatalog";

    private const UnixFileMode Special = UnixFileMode.StickyBit | UnixFileMode.SetUser | UnixFileMode.SetGroup;

    /// <summary>Adds the image under HOST/REPOSITORY:TAG. May be called again for other images and names of the same repository directory.</summary>
    /// <param name="image">The image that the name should mean.</param>
    /// <param name="repositoryDirectory">Mount point of the repository, e.g. …/unpacked.cern.ch; made if missing.</param>
    /// <param name="name">The public name.</param>
    /// <param name="tag">What the public name points to.</param>
    internal static void Publish(MiniatureImage image, string repositoryDirectory, CvmfsName name, CvmfsTag tag)
    {
        Directory.CreateDirectory(repositoryDirectory);
        switch (tag)
        {
            case CvmfsTag.Current:
                WriteImage(image, repositoryDirectory, name);
                LinkName(image.Config.Digest, repositoryDirectory, name);
                break;
            case CvmfsTag.Layers { Missing: var missing }:
                WriteLayers(image, image.Layers.RemoveAt(missing), repositoryDirectory, name);
                break;
            case CvmfsTag.Stale { Older: var older, CurrentTreeToo: var both }:
                WriteImage(older, repositoryDirectory, name);
                LinkName(older.Config.Digest, repositoryDirectory, name);
                if (both)
                {
                    WriteFlat(image, repositoryDirectory);
                }

                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    /// <summary>The heartbeat of unpacked.cern.ch: `YYYY-mm-dd HH:MM:SS | host | epoch`.</summary>
    internal static void WriteHeartbeat(string repositoryDirectory, TimeProvider time)
    {
        DateTimeOffset now = time.GetUtcNow();
        string directory = Path.Combine(repositoryDirectory, "logDir");
        Directory.CreateDirectory(directory);
        string line = string.Create(CultureInfo.InvariantCulture, $"{now:yyyy-MM-dd HH:mm:ss} | loopback | {now.ToUnixTimeSeconds()}\n");
        File.WriteAllText(Path.Combine(directory, "lastUpdate"), line);
    }

    private static void WriteImage(MiniatureImage image, string repository, CvmfsName name)
    {
        WriteLayers(image, image.Layers, repository, name);
        WriteFlat(image, repository);
    }

    private static void WriteLayers(MiniatureImage image, ImmutableArray<MiniatureLayer> layers, string repository, CvmfsName name)
    {
        foreach (MiniatureLayer layer in layers)
        {
            WriteLayer(layer, image.Config.Digest, repository);
        }

        WriteManifest(image, Path.Combine(repository, ".metadata", name.Path));
    }

    private static void WriteLayer(MiniatureLayer layer, Digest imageId, string repository)
    {
        string directory = Path.Combine(repository, ".layers", layer.Digest.Hex[..2], layer.Digest.Hex);
        if (Directory.Exists(directory))
        {
            return;
        }

        string root = Path.Combine(directory, "layerfs");
        string metadata = Path.Combine(directory, ".metadata");
        Directory.CreateDirectory(root);
        Directory.CreateDirectory(metadata);
        MarkCatalogs(repository, ".layers", layer.Digest, root);
        MiniatureTree.Write(MiniatureTree.Independent(layer.Entries), root);
        JArray description = [new JObject
        {
            ["id"] = layer.DiffId.Hex,
            ["created"] = MiniatureLayer.EntryTime.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            ["compressed-diff-digest"] = layer.Digest.ToString(),
            ["diff-digest"] = layer.DiffId.ToString(),
            ["diff-size"] = layer.Tar.Length,
        }];
        File.WriteAllText(Path.Combine(metadata, "layers.json"), description.ToString(Formatting.None));
        File.WriteAllText(Path.Combine(metadata, "origin.json"), new JObject { ["origin"] = new JArray(imageId.ToString()) }.ToString(Formatting.None));
    }

    private static void WriteFlat(MiniatureImage image, string repository)
    {
        string directory = FlatPath(repository, image.Config.Digest);
        if (Directory.Exists(directory))
        {
            return;
        }

        Directory.CreateDirectory(directory);
        MarkCatalogs(repository, ".flat", image.Config.Digest, directory);
        Dictionary<string, MiniatureEntry> entries = MiniatureTree.Flatten(image.Layers).ToDictionary(e => e.Path, StringComparer.Ordinal);
        foreach (MiniatureEntry added in DuccAdditions.Entries())
        {
            entries.TryAdd(added.Path, added);
        }

        MiniatureTree.Write(entries.Values.OrderBy(e => e.Path, StringComparer.Ordinal), directory, FlatMode);
    }

    /// <summary>DUCC drops setuid, setgid and sticky, and lets the owner do everything.</summary>
    private static UnixFileMode FlatMode(MiniatureEntry entry, UnixFileMode mode) =>
        (mode & ~Special) | UnixFileMode.UserRead | UnixFileMode.UserWrite | (entry is MiniatureEntry.Folder ? UnixFileMode.UserExecute : UnixFileMode.None);

    /// <summary>DUCC writes the manifest from its own structures, with capitalised keys: not the registry's bytes.</summary>
    private static void WriteManifest(MiniatureImage image, string directory)
    {
        JObject manifest = new()
        {
            ["SchemaVersion"] = 2,
            ["MediaType"] = MiniatureImage.DockerManifestType,
            ["Config"] = Capitalised(image.Config with { MediaType = MiniatureImage.DockerConfigType }),
            ["Layers"] = new JArray(image.Layers.Select(l => Capitalised(new MiniatureBlob(MiniatureLayer.DockerMediaType, l.Blob, l.Digest)))),
        };
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "manifest.json"), manifest.ToString(Formatting.None));
    }

    private static JObject Capitalised(MiniatureBlob blob) =>
        new() { ["MediaType"] = blob.MediaType, ["Size"] = blob.Content.Length, ["Digest"] = blob.Digest.ToString() };

    private static void LinkName(Digest imageId, string repository, CvmfsName name)
    {
        string link = Path.Combine(repository, name.Path);
        string parent = Path.GetDirectoryName(link)!;
        Directory.CreateDirectory(parent);
        File.Delete(link);
        File.CreateSymbolicLink(link, Path.GetRelativePath(parent, FlatPath(repository, imageId)));
    }

    private static string FlatPath(string repository, Digest imageId) => Path.Combine(repository, ".flat", imageId.Hex[..2], imageId.Hex);

    private static void MarkCatalogs(string repository, string collection, Digest digest, string root)
    {
        foreach (string directory in new[] { Path.Combine(repository, collection), Path.Combine(repository, collection, digest.Hex[..2]), root })
        {
            File.WriteAllBytes(Path.Combine(directory, CatalogMarker), []);
        }
    }
}
