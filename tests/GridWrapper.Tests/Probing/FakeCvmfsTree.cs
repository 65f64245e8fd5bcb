using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace GridWrapper.Tests.Probing;

/// <summary>
/// Lays images out in a plain directory as DUCC does in an image repository: .layers with raw whiteout files and metadata, .flat with .singularity.d, .chains
/// (older generation) or .multiarch (newer), manifests with capitalised keys, relative public links of the right depth.
/// </summary>
[SuppressMessage("Interoperability", "CA1416", Justification = "Linux only")]
internal sealed class FakeCvmfsTree
{
    internal FakeCvmfsTree(string root, string repository)
    {
        Root = root;
        Repository = repository;
        Directory.CreateDirectory(Top);
        Marker(".layers");
        Marker(".flat");
        Write("logDir/lastUpdate", "2026-11-01 12:00:00 | publisher | 1793534400\n");
    }

    /// <summary>What /cvmfs is.</summary>
    internal string Root { get; }

    internal string Repository { get; }

    internal string Top => Path.Combine(Root, Repository);

    internal string FlatOf(FakeImage image) => Path.Combine(Top, ".flat", image.ConfigDigest.Hex[..2], image.ConfigDigest.Hex);

    /// <summary>Everything that DUCC publishes for an image.</summary>
    internal FakeImage Publish(FakeImage image, bool chains = true)
    {
        PublishLayers(image);
        if (chains)
        {
            PublishChains(image);
        }

        PublishFlat(image);
        PublishName(image);
        Write($".metadata/{image.PublicName}/manifest.json", CapitalisedManifest(image));
        return image;
    }

    internal void PublishLayers(FakeImage image)
    {
        foreach (FakeLayer layer in image.Layers)
        {
            string at = $".layers/{layer.BlobDigest.Hex[..2]}/{layer.BlobDigest.Hex}";
            Marker($".layers/{layer.BlobDigest.Hex[..2]}");
            Marker($"{at}/layerfs");
            foreach (FakeEntry entry in layer.Entries)
            {
                Make($"{at}/layerfs/{entry.Path}", entry);
            }

            Write($"{at}/.metadata/origin.json", $"{{\"origin\":[\"{image.ConfigDigest}\"]}}");
            Write(
                $"{at}/.metadata/layers.json",
                $"[{{\"id\":\"{layer.DiffId.Hex}\",\"compressed-diff-digest\":\"{layer.BlobDigest}\",\"diff-digest\":\"{layer.DiffId}\",\"diff-size\":1000}}]");
        }
    }

    /// <summary>Chain IDs run over the compressed digests, the first one hashed too.</summary>
    internal void PublishChains(FakeImage image)
    {
        Marker(".chains");
        string? previous = null;
        for (int i = 0; i < image.Layers.Length; i++)
        {
            string text = previous is null ? image.Layers[i].BlobDigest.ToString() : $"sha256:{previous} {image.Layers[i].BlobDigest}";
            previous = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)));
            Marker($".chains/{previous[..2]}");
            Marker($".chains/{previous[..2]}/{previous}");
            MakeFlattened($".chains/{previous[..2]}/{previous}", image.Layers[..(i + 1)]);
        }
    }

    internal void PublishFlat(FakeImage image)
    {
        string hex = image.ConfigDigest.Hex;
        Marker($".flat/{hex[..2]}");
        Marker($".flat/{hex[..2]}/{hex}");
        MakeFlattened($".flat/{hex[..2]}/{hex}", image.Layers);
        foreach (string directory in (string[])["dev", "home", "proc", "root", "tmp", "var/tmp", "etc", "sys"])
        {
            Directory.CreateDirectory(Path.Combine(FlatOf(image), directory));
        }

        string at = $".flat/{hex[..2]}/{hex}/.singularity.d";
        Write($"{at}/env/10-docker2singularity.sh", "#!/bin/sh\n" + string.Concat(image.Env.Select(ExportLine)));
        Write($"{at}/runscript", $"#!/bin/sh\nOCI_ENTRYPOINT='{Quoted(image.Entrypoint)}'\nOCI_CMD='{Quoted(image.Cmd)}'\nCMDLINE_ARGS=\"\"\nexec \"$@\"\n");
    }

    /// <summary>As the OSG publishes it: by a hash over the layers, under a name without the registry's host, by an absolute link.</summary>
    /// <returns>The tree's place.</returns>
    internal string PublishOsg(FakeImage image, string? index = null)
    {
        string hex = index ?? Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(image.Layers.Select(l => l.BlobDigest.Hex)))));
        string place = $".images/{(index is null ? "" : "sha256:")}{hex[..2]}/{hex[2..]}";
        MakeFlattened(place, image.Layers);
        Write($"{place}/.singularity.d/env/10-docker2singularity.sh", "#!/bin/sh\n" + string.Concat(image.Env.Select(ExportLine)));
        Directory.CreateDirectory(Path.Combine(Top, place, "srv"));
        Link($"{image.Repository}:{image.Tag}", $"/cvmfs/{Repository}/{place}");
        return Path.Combine(Top, place);
    }

    internal void PublishName(FakeImage image) => Link(image.PublicName, FlatRelative(image, image.PublicName));

    /// <summary>The newer generation: a link per architecture, and the public name a variant link to it.</summary>
    internal void PublishMultiarch(FakeImage image, bool publicName = true)
    {
        string name = $".multiarch/{image.Architecture}/{image.PublicName}";
        Link(name, FlatRelative(image, name));
        if (publicName)
        {
            Link(image.PublicName, string.Concat(Enumerable.Repeat("../", image.PublicName.Count(c => c == '/'))) + name);
        }
    }

    internal void Link(string name, string target)
    {
        string path = Path.Combine(Top, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(path);
        File.CreateSymbolicLink(path, target);
    }

    internal void Write(string name, string content)
    {
        string path = Path.Combine(Top, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private static string FlatRelative(FakeImage image, string name) =>
        string.Concat(Enumerable.Repeat("../", name.Count(c => c == '/'))) + $".flat/{image.ConfigDigest.Hex[..2]}/{image.ConfigDigest.Hex}";

    private static string Escape(string value) => value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("`", "\\`").Replace("$", "\\$");

    private static string Quoted(IEnumerable<string> arguments) => string.Join(' ', arguments.Select(a => $"\"{Escape(a)}\""));

    /// <summary>Shell escaping, then Go's %q, as DUCC writes it.</summary>
    private static string ExportLine(string entry)
    {
        string[] parts = entry.Split('=', 2);
        string quoted = "\"" + Escape(parts[1]).Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
        return parts[0] == "PATH" ? $"export PATH={quoted}\n" : $"export {parts[0]}=\"${{{parts[0]}:-{quoted}}}\"\n";
    }

    private static string CapitalisedManifest(FakeImage image) =>
        $"{{\"SchemaVersion\":2,\"MediaType\":\"{image.Manifest.MediaType}\",\"Config\":{{\"MediaType\":\"\",\"Size\":{image.ConfigJson.Length},\"Digest\":\"{image.ConfigDigest}\"}},"
        + $"\"Layers\":[{string.Join(',', image.Layers.Select(l => $"{{\"MediaType\":\"\",\"Size\":1000,\"Digest\":\"{l.BlobDigest}\"}}"))}]}}";

    private void Marker(string directory) => Write($"{directory}/.cvmfscatalog", "");

    private void MakeFlattened(string at, IEnumerable<FakeLayer> layers)
    {
        Dictionary<string, FakeEntry> tree = new(StringComparer.Ordinal);
        foreach (FakeLayer layer in layers)
        {
            foreach (FakeEntry whiteout in layer.Entries.Where(e => Path.GetFileName(e.Path).StartsWith(".wh.", StringComparison.Ordinal)))
            {
                string directory = Path.GetDirectoryName(whiteout.Path)!;
                string name = Path.GetFileName(whiteout.Path)[4..];
                string victim = name == ".wh..opq" ? directory + "/" : $"{directory}/{name}";
                foreach (string path in tree.Keys.Where(k => k == victim || k.StartsWith(victim.TrimEnd('/') + "/", StringComparison.Ordinal)).ToArray())
                {
                    tree.Remove(path);
                }
            }

            foreach (FakeEntry entry in layer.Entries.Where(e => !Path.GetFileName(e.Path).StartsWith(".wh.", StringComparison.Ordinal)))
            {
                tree[entry.Path] = entry;
            }
        }

        foreach (FakeEntry entry in tree.Values)
        {
            Make($"{at}/{entry.Path}", entry);
        }
    }

    private void Make(string name, FakeEntry entry)
    {
        string path = Path.Combine(Top, name.TrimEnd('/'));
        if (entry.Target is not null)
        {
            Link(name, entry.Target);
        }
        else if (name.EndsWith('/'))
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, Encoding.Latin1.GetBytes(entry.Content));
            if (entry.Mode != UnixFileMode.None)
            {
                File.SetUnixFileMode(path, entry.Mode);
            }
        }
    }
}
