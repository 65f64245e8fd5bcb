using System.Security.Cryptography;
using GridWrapper.Images;
using GridWrapper.Linux;
using GridWrapper.Tests.Layers;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.SystemTests.Equivalence;

/// <summary>A stack of layers as blobs, as an OCI layout, and as DUCC lays it out in CVMFS.</summary>
internal sealed class StackFiles
{
    internal StackFiles(ImmutableArray<ImmutableArray<StackEntry>> layers)
    {
        Layers = layers;
        Tars = [.. layers.Select(Tar)];
        Blobs = [.. Tars.Select(TarBuilder.Gzip)];
        Descriptors = [.. Blobs.Select(b => new Descriptor(MediaTypes.OciLayerGzip, Digest.Of(b), b.Length))];
        DiffIds = [.. Tars.Select(t => Digest.Of(t))];
        string ids = string.Join(',', DiffIds.Select(d => $"\"{d}\""));
        ConfigBytes = Encoding.UTF8.GetBytes($$$"""{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":[{{{ids}}}]}}""");
    }

    internal ImmutableArray<ImmutableArray<StackEntry>> Layers { get; }

    internal ImmutableArray<byte[]> Tars { get; }

    internal ImmutableArray<byte[]> Blobs { get; }

    internal ImmutableArray<Descriptor> Descriptors { get; }

    internal ImmutableArray<Digest> DiffIds { get; }

    internal byte[] ConfigBytes { get; }

    internal Digest ConfigDigest => Digest.Of(ConfigBytes);

    internal byte[] ManifestBytes
    {
        get
        {
            string layers = string.Join(',', Descriptors.Select(l => $$"""{"mediaType":"{{l.MediaType}}","size":{{l.SizeBytes}},"digest":"{{l.Digest}}"}"""));
            return Encoding.UTF8.GetBytes(
                $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}","config":{"mediaType":"{{MediaTypes.OciConfig}}","size":{{ConfigBytes.Length}},"digest":"{{ConfigDigest}}"},"layers":[{{layers}}]}""");
        }
    }

    internal void WriteLayout(string directory, string tag)
    {
        Directory.CreateDirectory(directory + "/blobs/sha256");
        byte[] manifest = ManifestBytes;
        foreach (byte[] blob in Blobs.Add(ConfigBytes).Add(manifest))
        {
            File.WriteAllBytes($"{directory}/blobs/sha256/{Digest.Of(blob).Hex}", blob);
        }

        File.WriteAllText(directory + "/oci-layout", """{"imageLayoutVersion":"1.0.0"}""");
        File.WriteAllText(
            directory + "/index.json",
            $$$"""{"schemaVersion":2,"manifests":[{"mediaType":"{{{MediaTypes.OciManifest}}}","size":{{{manifest.Length}}},"digest":"{{{Digest.Of(manifest)}}}","annotations":{"org.opencontainers.image.ref.name":"{{{tag}}}"}}]}""");
    }

    /// <summary>One layer as CVMFS ingests it: whiteouts as ordinary files, hard links as files of their own, catalog marks, metadata last.</summary>
    internal void PublishLayer(string repository, int index)
    {
        Digest blob = Descriptors[index].Digest;
        string directory = $"{repository}/.layers/{blob.Hex[..2]}/{blob.Hex}";
        if (Directory.Exists(directory))
        {
            return;
        }

        Directory.CreateDirectory(directory + "/layerfs");
        Directory.CreateDirectory(directory + "/.metadata");
        foreach (string marked in (string[])[repository + "/.layers", $"{repository}/.layers/{blob.Hex[..2]}"])
        {
            File.WriteAllText(marked + "/.cvmfscatalog", "");
        }

        Write(Layers[index], directory + "/layerfs");
        File.WriteAllText(directory + "/layerfs/.cvmfscatalog", "");
        File.WriteAllText(
            directory + "/.metadata/layers.json",
            $$"""[{"id":"{{DiffIds[index].Hex}}","created":"2026-01-01T00:00:00Z","compressed-diff-digest":"{{blob}}","diff-digest":"{{DiffIds[index]}}","diff-size":{{Tars[index].Length}}}]""");
        File.WriteAllText(directory + "/.metadata/origin.json", $$"""{"origin":["{{ConfigDigest}}"]}""");
    }

    /// <summary>Where DUCC puts the first so many layers put together.</summary>
    internal string ChainDirectory(string repository, int count)
    {
        string id = "";
        foreach (Descriptor layer in Descriptors.Take(count))
        {
            id = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(id.Length == 0 ? layer.Digest.ToString() : $"sha256:{id} {layer.Digest}")));
        }

        return $"{repository}/.chains/{id[..2]}/{id}";
    }

    internal void WriteMetadata(string repository, string name)
    {
        string layers = string.Join(',', Descriptors.Select(l => $$"""{"MediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","Size":{{l.SizeBytes}},"Digest":"{{l.Digest}}"}"""));
        string directory = $"{repository}/.metadata/{name}";
        Directory.CreateDirectory(directory);
        File.WriteAllText(
            directory + "/manifest.json",
            $$"""{"SchemaVersion":2,"MediaType":"application/vnd.docker.distribution.manifest.v2+json","Config":{"MediaType":"application/vnd.docker.container.image.v1+json","Size":{{ConfigBytes.Length}},"Digest":"{{ConfigDigest}}"},"Layers":[{{layers}}]}""");
    }

    private static byte[] Tar(ImmutableArray<StackEntry> layer)
    {
        TarBuilder tar = new();
        foreach (StackEntry entry in layer)
        {
            // A PAX path has no limit of length; the header's has.
            if (entry.Path.Length > 95)
            {
                tar.Pax(("path", entry.Path));
            }

            string name = entry.Path.Length > 95 ? "long" : entry.Path;
            if (entry.Kind == 'h' && entry.Text.Length > 95)
            {
                tar.GnuLong('K', entry.Text);
            }

            TarBuilder.Header header = new(Link: entry.Kind is 'l' or 'h' ? entry.Text[..Math.Min(entry.Text.Length, 95)] : "", Mode: entry.Mode, Mtime: entry.Time);
            tar.Entry(entry.Kind switch { 'd' => '5', 'l' => '2', 'h' => '1', 'p' => '6', _ => '0' }, name, entry.Kind == 'f' ? Encoding.Latin1.GetBytes(entry.Text) : [], header);
        }

        return tar.Build();
    }

    private static void Write(ImmutableArray<StackEntry> layer, string directory)
    {
        using SafeFileHandle root = At.OpenDirectory(directory);
        Dictionary<string, StackEntry> files = layer.Where(e => e.Kind == 'f').GroupBy(e => e.Path).ToDictionary(g => g.Key, g => g.Last());
        foreach (StackEntry entry in layer)
        {
            // The newer publisher leaves an empty file where the link's target is in another layer.
            StackEntry own = entry.Kind != 'h' ? entry : files.TryGetValue(entry.Text, out StackEntry? target) ? target with { Path = entry.Path } : entry with { Kind = 'f', Text = "" };
            using SafeFileHandle parent = Parent(root, own.Path);
            Make(parent, Encoding.Latin1.GetBytes(own.Path[(own.Path.LastIndexOf('/') + 1)..]), own);
        }

        foreach (StackEntry entry in layer.Where(e => e.Kind == 'd').OrderByDescending(e => e.Path.Length))
        {
            using SafeFileHandle parent = Parent(root, entry.Path + "/x");
            Libc.ChangeMode(parent, (uint)entry.Mode);
            At.SetTimes(parent, new FileTime(entry.Time, 0));
        }
    }

    private static SafeFileHandle Parent(SafeFileHandle root, string path)
    {
        At.OpenSubdirectory(root, "."u8, out SafeFileHandle? at);
        foreach (string component in path.Split('/')[..^1])
        {
            byte[] name = Encoding.Latin1.GetBytes(component);
            At.MakeDirectory(at!, name, 0x1ED);
            using SafeFileHandle above = at!;
            At.OpenSubdirectory(above, name, out at);
        }

        return at!;
    }

    private static void Make(SafeFileHandle parent, byte[] name, StackEntry entry)
    {
        switch (entry.Kind)
        {
            case 'd':
                At.MakeDirectory(parent, name, 0x1ED);
                break;
            case 'l':
                At.Symlink(Encoding.Latin1.GetBytes(entry.Text), parent, name);
                break;
            case 'p':
                At.MakeNode(parent, name, Libc.S_IFIFO | (uint)entry.Mode);
                break;
            default:
                At.Open(parent, name, Libc.O_WRONLY | Libc.O_CREAT, 0x180, out SafeFileHandle? file);
                using (file)
                {
                    At.WriteAll(file!, Encoding.Latin1.GetBytes(entry.Text), 0);
                    Libc.ChangeMode(file!, (uint)entry.Mode);
                }

                break;
        }

        if (entry.Kind != 'd')
        {
            At.SetTimes(parent, name, new FileTime(entry.Time, 0));
        }
    }
}
