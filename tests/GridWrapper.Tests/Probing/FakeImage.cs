using System.Security.Cryptography;
using GridWrapper.Images;

namespace GridWrapper.Tests.Probing;

/// <summary>A small image in memory: enough to lay it out as an image repository of CVMFS would hold it, and as a registry would describe it.</summary>
internal sealed record FakeImage
{
    public string Host { get; init; } = "registry.hub.docker.com";

    public string Repository { get; init; } = "library/demo";

    public string Tag { get; init; } = "1";

    public string Architecture { get; init; } = "amd64";

    public ImmutableArray<FakeLayer> Layers { get; init; } = [FakeLayer.Base()];

    public ImmutableArray<string> Env { get; init; } = ["PATH=/usr/bin:/bin", "GREETING=it's \"$5\""];

    public ImmutableArray<string> Entrypoint { get; init; } = ["/bin/sh", "-c"];

    public ImmutableArray<string> Cmd { get; init; } = ["echo \"$HOME\""];

    /// <summary>The configuration blob.</summary>
    public string ConfigJson
    {
        get
        {
            static string List(IEnumerable<string> items) => "[" + string.Join(",", items.Select(i => "\"" + i.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"")) + "]";
            return $"{{\"architecture\":\"{Architecture}\",\"os\":\"linux\",\"config\":{{\"Env\":{List(Env)},\"Entrypoint\":{List(Entrypoint)},\"Cmd\":{List(Cmd)}}},"
                + $"\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":{List(Layers.Select(l => l.DiffId.ToString()))}}}}}";
        }
    }

    public Digest ConfigDigest => Digest.Of(Encoding.UTF8.GetBytes(ConfigJson));

    public string PublicName => $"{Host}/{Repository}:{Tag}";

    public ImageManifest Manifest => new()
    {
        Digest = Digest.Of(Encoding.UTF8.GetBytes("manifest of " + ConfigDigest)),
        MediaType = "application/vnd.oci.image.manifest.v1+json",
        Config = new Descriptor("application/vnd.oci.image.config.v1+json", ConfigDigest, ConfigJson.Length),
        Layers = [.. Layers.Select(l => new Descriptor("application/vnd.oci.image.layer.v1.tar+gzip", l.BlobDigest, 1000))],
    };
}

/// <summary>One layer: entries by path, in order.</summary>
internal sealed record FakeLayer(ImmutableArray<FakeEntry> Entries)
{
    public Digest DiffId => Hash("diff");

    public Digest BlobDigest => Hash("blob");

    /// <summary>A base with a shell of the given ELF machine number, os-release, a secret, and a link that tries to leave the tree.</summary>
    public static FakeLayer Base(ushort machine = 0x3e) => new(
    [
        new("usr/bin/", "", UnixFileMode.None),
        new("bin", "", UnixFileMode.None, "usr/bin"),
        new("usr/bin/dash", Encoding.Latin1.GetString([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, (byte)machine, (byte)(machine >> 8)])),
        new("usr/bin/sh", "", UnixFileMode.None, "/bin/dash"),
        new("etc/os-release", "", UnixFileMode.None, "../usr/lib/os-release"),
        new("usr/lib/os-release", "ID=fake\n"),
        new("etc/shadow", "root:*\n", UnixFileMode.UserRead | UnixFileMode.UserWrite),
        new("etc/escape", "", UnixFileMode.None, "../../../../../../etc/passwd"),
        new("data/old", "old\n"),
        new("data/gone", "gone\n"),
        new("opt/tree/a", "a\n"),
    ]);

    /// <summary>Deletes a file, deletes and re-makes one directory, makes another opaque.</summary>
    public static FakeLayer Changes() => new(
    [
        new("data/.wh.gone", ""),
        new("opt/.wh.tree", ""),
        new("opt/tree/b", "b\n"),
        new("usr/lib/.wh..wh..opq", ""),
        new("usr/lib/os-release", "ID=changed\n"),
    ]);

    private Digest Hash(string salt)
    {
        string text = salt + string.Join("\0", Entries.Select(e => $"{e.Path}|{e.Content}|{e.Target}|{e.Mode}"));
        return Digest.FromHash(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}

/// <summary>One entry: a directory (path ends in '/'), a symbolic link (has a target) or a file (content in Latin-1).</summary>
internal sealed record FakeEntry(string Path, string Content, UnixFileMode Mode = UnixFileMode.None, string? Target = null);
