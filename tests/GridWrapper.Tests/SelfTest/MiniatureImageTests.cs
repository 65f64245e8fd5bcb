using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using GridWrapper.Images;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class MiniatureImageTests
{
    private const long LargestBytes = 10_000_000;

    [Test]
    public async Task Every_digest_is_that_of_the_bytes_it_names()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        JObject manifest = Parse(image.OciManifest);
        JObject config = Parse(image.Config);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)manifest["config"]!["digest"], Is.EqualTo(Digest.Of(image.Config.Content.Span).ToString()));
            Assert.That(manifest["layers"]!.Select(l => (string?)l["digest"]), Is.EqualTo(image.Layers.Select(l => Digest.Of(l.Blob.Span).ToString())));
            Assert.That(manifest["layers"]!.Select(l => (int)l["size"]!), Is.EqualTo(image.Layers.Select(l => l.Blob.Length)));
            Assert.That(config["rootfs"]!["diff_ids"]!.Select(d => (string?)d), Is.EqualTo(image.Layers.Select(l => Digest.Of(Decompress(l.Blob)).ToString())));
            Assert.That((string?)Parse(image.DockerManifest)["config"]!["digest"], Is.EqualTo(image.Config.Digest.ToString()));
            Assert.That(image.OciManifest.Digest, Is.EqualTo(Digest.Of(image.OciManifest.Content.Span)));
        }
    }

    [Test]
    public async Task The_index_names_another_platform_first()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        JArray entries = (JArray)Parse(image.Index)["manifests"]!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)entries[0]["digest"], Is.EqualTo(image.ForeignBlobs[0].Digest.ToString()));
            Assert.That((string?)entries[0]["platform"]!["architecture"], Is.EqualTo("s390x"));
            Assert.That((string?)entries[1]["digest"], Is.EqualTo(image.OciManifest.Digest.ToString()));
            Assert.That((string?)entries[1]["platform"]!["architecture"], Is.EqualTo(image.Platform.Architecture));
        }
    }

    [Test]
    public async Task The_same_programs_give_the_same_image_and_another_marker_another_one()
    {
        MiniatureImage first = await Miniature.ImageAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await Miniature.ImageAsync()).Index.Digest, Is.EqualTo(first.Index.Digest));
            Assert.That((await Miniature.ImageAsync("another")).Config.Digest, Is.Not.EqualTo(first.Config.Digest));
        }
    }

    [Test]
    public async Task It_is_small_and_quickly_made()
    {
        NodePrograms programs = await NodePrograms.FindAsync(CancellationToken.None);
        Stopwatch watch = Stopwatch.StartNew();
        MiniatureImage image = MiniatureImage.Create(programs);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(image.Layers.Sum(l => (long)l.Tar.Length), Is.LessThan(LargestBytes));
            // Under a second on an idle node; tests share theirs.
            Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)));
        }
    }

    [Test]
    public async Task The_layers_hold_every_kind_of_entry()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        List<(string Name, TarEntryType Type, UnixFileMode Mode, string LinkName)> last = Read(image.Layers[2]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Read(image.Layers[1]).Select(e => e.Name), Has.Member("etc/deleted").And.Member("opt/opaque/old"));
            Assert.That(last.Select(e => e.Name), Is.SupersetOf(["etc/.wh.deleted", "opt/opaque/.wh..wh..opq", "opt/opaque/new"]));
            Assert.That(last, Has.One.EqualTo(("opt/private/", TarEntryType.Directory, MiniatureEntry.OwnerOnly, "")));
            Assert.That(
                last.Where(e => e.LinkName.Length > 0).Select(e => (e.Name, e.Type, e.LinkName)),
                Is.EqualTo([("srv/marker-hard", TarEntryType.HardLink, "srv/marker"), ("srv/marker-link", TarEntryType.SymbolicLink, "marker")]));
        }
    }

    private static JObject Parse(MiniatureBlob blob) => JObject.Parse(Encoding.UTF8.GetString(blob.Content.Span));

    private static byte[] Decompress(ReadOnlyMemory<byte> blob)
    {
        using GZipStream gzip = new(new MemoryStream(blob.ToArray()), CompressionMode.Decompress);
        using MemoryStream tar = new();
        gzip.CopyTo(tar);
        return tar.ToArray();
    }

    private static List<(string Name, TarEntryType Type, UnixFileMode Mode, string LinkName)> Read(MiniatureLayer layer)
    {
        List<(string Name, TarEntryType Type, UnixFileMode Mode, string LinkName)> entries = [];
        using TarReader reader = new(new MemoryStream(layer.Tar.ToArray()));
        while (reader.GetNextEntry() is { } entry)
        {
            entries.Add((entry.Name, entry.EntryType, entry.Mode, entry.LinkName));
        }

        return entries;
    }
}
