using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Registries;
using GridWrapper.Sites;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Registries;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LocalImagesTests
{
    private const string RefName = "org.opencontainers.image.ref.name";

    [Test]
    public async Task A_layout_directory_is_read_by_tag_or_when_it_holds_one_image(CancellationToken ct)
    {
        string path = TreeListing.NewDirectory();
        TestImage image = TestImage.Small();
        WriteLayout(path, ("v1", image));

        LocalImage named = await ResolveAsync(new ImageReference.OciLayout(path, "v1"), ct);
        LocalImage only = await ResolveAsync(new ImageReference.OciLayout(path, null), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(named.Image.Manifest.Digest, Is.EqualTo(image.Digest));
            Assert.That(only.Image.Manifest.Digest, Is.EqualTo(image.Digest));
            Assert.That(await ReadLayersAsync(named, ct), Is.EqualTo(image.Layers));
        }
    }

    [Test]
    public async Task Among_several_images_a_tag_decides(CancellationToken ct)
    {
        string path = TreeListing.NewDirectory();
        TestImage second = new(new TarBuilder().File("second").Build());
        WriteLayout(path, ("v1", TestImage.Small()), ("v2", second));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await ResolveAsync(new ImageReference.OciLayout(path, "v2"), ct)).Image.Manifest.Digest, Is.EqualTo(second.Digest));
            Assert.That(() => ResolveAsync(new ImageReference.OciLayout(path, null), ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("'v1', 'v2'"));
            Assert.That(() => ResolveAsync(new ImageReference.OciLayout(path, "v3"), ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("'v1', 'v2'"));
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task An_oci_archive_is_read_in_place(bool compressed, CancellationToken ct)
    {
        string layout = TreeListing.NewDirectory();
        TestImage image = TestImage.Small();
        WriteLayout(layout, ("v1", image));
        string path = WriteArchive(Directory.GetFiles(layout, "*", SearchOption.AllDirectories).Select(f => (Path.GetRelativePath(layout, f), File.ReadAllBytes(f))), compressed);

        LocalImage local = await ResolveAsync(new ImageReference.OciArchive(path, "v1"), ct);

        Assert.That(await ReadLayersAsync(local, ct), Is.EqualTo(image.Layers));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_docker_archive_gets_a_manifest(bool compressed, CancellationToken ct)
    {
        TestImage image = TestImage.Small();
        string path = WriteArchive(DockerFiles(image, image.Tars), compressed);

        LocalImage local = await ResolveAsync(new ImageReference.DockerArchive(path, "1"), ct);
        LocalImage again = await ResolveAsync(new ImageReference.DockerArchive(path, "team/image:1"), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(local.Image.Config.Digest, Is.EqualTo(Digest.Of(image.Config)));
            Assert.That(await ReadLayersAsync(local, ct), Is.EqualTo(image.Tars));
            Assert.That(again.Image.Manifest.Digest, Is.EqualTo(local.Image.Manifest.Digest));
            Assert.That(() => ResolveAsync(new ImageReference.DockerArchive(path, "2"), ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("'team/image:1'"));
        }
    }

    [Test]
    public async Task Compressed_and_linked_layers_of_a_docker_archive_are_found(CancellationToken ct)
    {
        byte[] tar = new TarBuilder().File("a", "1").Build();
        var image = new TestImage(tar, tar);
        byte[] archive = new TarBuilder()
            .Entry('0', "config.json", image.Config, new TarBuilder.Header())
            .Entry('0', "one/layer.tar", TarBuilder.Gzip(tar), new TarBuilder.Header())
            .Symlink("two/layer.tar", "../one/layer.tar")
            .File("manifest.json", """[{"Config":"config.json","RepoTags":null,"Layers":["one/layer.tar","two/layer.tar"]}]""").Build();
        string path = Path.Combine(TreeListing.NewDirectory(), "image.tar");
        File.WriteAllBytes(path, archive);

        LocalImage local = await ResolveAsync(new ImageReference.DockerArchive(path, null), ct);

        Assert.That(await ReadLayersAsync(local, ct), Is.EqualTo(new[] { TarBuilder.Gzip(tar), TarBuilder.Gzip(tar) }));
    }

    private static IEnumerable<TestCaseData> Faults()
    {
        static TestCaseData Case(string name, Blame blame, string text, Func<string, ImageReference> make) => new TestCaseData(blame, text, make).SetName("Local_fault_" + name);
        yield return Case("no_such_directory", Blame.User, "index.json", _ => new ImageReference.OciLayout("/does/not/exist", null));
        yield return Case("no_such_archive", Blame.User, "cannot be opened", _ => new ImageReference.OciArchive("/does/not/exist.tar", null));
        yield return Case("not_a_tar", Blame.Image, "octal", d => new ImageReference.OciArchive(Write(d, "x.tar", Enumerable.Repeat((byte)'x', 5000).ToArray()), null));
        yield return Case("truncated_tar", Blame.Image, "middle of a file", d => new ImageReference.DockerArchive(Write(d, "x.tar", new TarBuilder().File("manifest.json", new string(' ', 4000)).Build()[..2000]), null));
        yield return Case("no_manifest", Blame.User, "manifest.json", d => new ImageReference.DockerArchive(Write(d, "x.tar", new TarBuilder().File("a").Build()), null));
        yield return Case("odd_manifest", Blame.Image, "docker save", d => new ImageReference.DockerArchive(Write(d, "x.tar", new TarBuilder().File("manifest.json", """[{"Layers":5}]""").Build()), null));
        yield return Case("layer_missing", Blame.Image, "is not in it", d => new ImageReference.DockerArchive(WriteArchive(DockerFiles(TestImage.Small(), []), compressed: false), null));
        yield return Case("on_cvmfs", Blame.User, "copy the archive", _ => new ImageReference.OciArchive("/cvmfs/repo/image.tar", null));
    }

    [TestCaseSource(nameof(Faults))]
    public void A_fault_has_blame_and_a_reason(Blame blame, string text, Func<string, ImageReference> make)
    {
        ImageReference reference = make(TreeListing.NewDirectory());

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => ResolveAsync(reference, CancellationToken.None))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(blame), fault.Message);
            Assert.That(fault.Message, Does.Contain(text));
        }
    }

    [Test]
    public async Task A_damaged_blob_is_noticed(CancellationToken ct)
    {
        string path = TreeListing.NewDirectory();
        TestImage image = TestImage.Small();
        WriteLayout(path, ("v1", image));
        string layer = Path.Combine(path, "blobs/sha256", Digest.Of(image.Layers[0]).Hex);
        byte[] bytes = File.ReadAllBytes(layer);
        bytes[20] ^= 1;
        File.WriteAllBytes(layer, bytes);

        LocalImage local = await ResolveAsync(new ImageReference.OciLayout(path, "v1"), ct);

        Assert.That(() => ReadLayersAsync(local, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("damaged"));
    }

    /// <summary>Writes an OCI layout with the images as entries of its index.</summary>
    internal static void WriteLayout(string path, params (string Tag, TestImage Image)[] images)
    {
        Directory.CreateDirectory(path + "/blobs/sha256");
        foreach (byte[] blob in images.SelectMany(i => i.Image.Layers.Append(i.Image.Config).Append(i.Image.Manifest)))
        {
            File.WriteAllBytes($"{path}/blobs/sha256/{Digest.Of(blob).Hex}", blob);
        }

        string entries = string.Join(',', images.Select(i =>
            $$$$"""{"mediaType":"{{{{MediaTypes.OciManifest}}}}","size":{{{{i.Image.Manifest.Length}}}},"digest":"{{{{i.Image.Digest}}}}","annotations":{"{{{{RefName}}}}":"{{{{i.Tag}}}}"}}"""));
        File.WriteAllText(path + "/oci-layout", """{"imageLayoutVersion":"1.0.0"}""");
        File.WriteAllText(path + "/index.json", $$$$"""{"schemaVersion":2,"manifests":[{{{{entries}}}}]}""");
    }

    private static IEnumerable<(string Name, byte[] Content)> DockerFiles(TestImage image, IEnumerable<byte[]> layers)
    {
        string[] names = [.. image.Tars.Select(t => $"{Digest.Of(t).Hex}.tar")];
        string manifest = $$$$"""[{"Config":"config.json","RepoTags":["team/image:1"],"Layers":[{{{{string.Join(',', names.Select(n => $"\"{n}\""))}}}}]}]""";
        return [.. layers.Select((l, i) => (names[i], l)), ("config.json", image.Config), ("manifest.json", Encoding.UTF8.GetBytes(manifest))];
    }

    private static string WriteArchive(IEnumerable<(string Name, byte[] Content)> files, bool compressed)
    {
        var tar = new TarBuilder();
        foreach ((string name, byte[] content) in files)
        {
            tar.Entry('0', name, content, new TarBuilder.Header());
        }

        return Write(TreeListing.NewDirectory(), "image.tar", compressed ? TarBuilder.Gzip(tar.Build()) : tar.Build());
    }

    private static string Write(string directory, string name, byte[] content)
    {
        File.WriteAllBytes(Path.Combine(directory, name), content);
        return Path.Combine(directory, name);
    }

    private static Task<LocalImage> ResolveAsync(ImageReference reference, CancellationToken ct) => LocalImages.ResolveAsync(reference, new SiteProfile { Name = "test" }, TestImage.Node, ct);

    private static async Task<List<byte[]>> ReadLayersAsync(LocalImage image, CancellationToken ct)
    {
        var layers = new List<byte[]>();
        foreach (Descriptor layer in image.Image.Manifest.Layers)
        {
            await using Stream stream = await image.Blobs.OpenAsync(layer, ct);
            var copy = new MemoryStream();
            await stream.CopyToAsync(copy, ct);
            layers.Add(copy.ToArray());
        }

        return layers;
    }
}
