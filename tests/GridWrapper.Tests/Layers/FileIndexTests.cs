using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Tests.Layers;

/// <summary>The index of a layer: what is written, and that it holds for archives that change their mind.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class FileIndexTests
{
    private static IEnumerable<IndexEntry> Entries()
    {
        yield return new IndexEntry { Type = 'f', Path = EntryPath.FromLatin1("a b%\u00FF\n"), Mode = 0x1ED, SizeBytes = 1L << 40, Modified = new FileTime(1, 5), Sha256 = new string('a', 64) };
        yield return new IndexEntry { Type = 'l', Path = EntryPath.FromLatin1("l"), Target = "/x y" };
        yield return new IndexEntry { Type = 'd', Path = EntryPath.Root, Mode = 0x3FF, Modified = new FileTime(0, 999_999_999) };
    }

    [TestCaseSource(nameof(Entries))]
    public void A_line_is_read_as_it_was_written(object entry)
    {
        var wanted = (IndexEntry)entry;
        var lines = new IndexLines();

        lines.Add(wanted, wanted.Sha256 is { } hex ? Convert.FromHexString(hex) : []);

        Assert.That(IndexLines.Parse(Encoding.ASCII.GetString(lines.Bytes).TrimEnd('\n')), Is.EqualTo(wanted));
    }

    [TestCase("")]
    [TestCase("f 644 1 0.0 - a b c")]
    [TestCase("f 644 x 0.0 - a")]
    [TestCase("f 644 1 0 - a")]
    [TestCase("f 644 1 0.0 - a%4")]
    [TestCase("f 644 1 0.0 - ../a")]
    public void What_is_no_line_is_refused(string line) => Assert.That(() => IndexLines.Parse(line), Throws.TypeOf<InvalidDataException>());

    private static IEnumerable<TestCaseData> Archives()
    {
        static TestCaseData Case(string name, TarBuilder tar, params string[] expected) => new TestCaseData(tar.Build(), expected).SetName("Archive_" + name);
        yield return Case("file_twice", new TarBuilder().File("f", "old").File("f", "new"), "f 644 new");
        yield return Case("file_then_directory", new TarBuilder().File("f", "old").Dir("f").File("f/g", "x"), "f/ 755", "f/g 644 x");
        yield return Case("directory_then_file", new TarBuilder().Dir("f").File("f/g", "x").Dir("f/d").File("f", "new"), "f 644 new");
        yield return Case("file_where_a_parent_is_implied", new TarBuilder().File("a/b", "x").File("a", "new"), "a 644 new");
        yield return Case("link_to_a_file_just_given_out", new TarBuilder().File("f", "x").HardLink("h", "f").File("f", "other"), "f 644 other", "h 644 x");
        yield return Case("link_then_file", new TarBuilder().File("f", "x").HardLink("h", "f").File("h", "other"), "f 644 x", "h 644 other");
        yield return Case("symlink_then_file", new TarBuilder().Symlink("s", "f").File("s", "x"), "s 644 x");
        yield return Case("through_a_symlink", new TarBuilder().Dir("d").Symlink("s", "d").File("s/f", "1").File("d/f", "2"), "d/ 755", "d/f 644 2", "s -> d");
        yield return Case("large_then_small", new TarBuilder().File("f", new string('x', 300_000)).File("f", "x"), "f 644 x");
        yield return Case("mode_the_umask_takes_bits_of", new TarBuilder().File("f", "x", 0x1FF).Dir("d", 0x1FF), "d/ 777", "f 777 x");
    }

    [TestCaseSource(nameof(Archives))]
    public async Task Tree_and_index_agree(byte[] tar, string[] expected, CancellationToken ct)
    {
        var cache = new CacheDirectory(TreeListing.NewDirectory());
        cache.Prepare();
        var blobs = new FakeBlobs();

        StoredLayer layer = await new LayerStore(cache, TimeProvider.System).EnsureAsync(blobs.Add(tar), Digest.Of(tar), blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TreeListing.Of(layer.Tree), Is.EqualTo(expected));
            Assert.That(new LayerVerifier(cache.LayerDirectory(layer.DiffId)).Verify(ct), Is.Empty);
        }
    }

    [Test]
    public async Task Many_small_files_in_many_directories_are_all_there(CancellationToken ct)
    {
        var tar = new TarBuilder();
        for (int i = 0; i < 3000; i++)
        {
            tar.File($"d{i % 37}/e{i % 5}/f{i}", new string('x', i));
        }

        byte[] bytes = tar.Build();
        var cache = new CacheDirectory(TreeListing.NewDirectory());
        cache.Prepare();
        var blobs = new FakeBlobs();

        StoredLayer layer = await new LayerStore(cache, TimeProvider.System).EnsureAsync(blobs.Add(TarBuilder.Gzip(bytes)), Digest.Of(bytes), blobs, ct);

        var verifier = new LayerVerifier(cache.LayerDirectory(layer.DiffId));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(verifier.Verify(ct), Is.Empty);
            Assert.That(verifier.BytesRead, Is.EqualTo(3000L * 2999 / 2));
            Assert.That(Directory.GetFiles(layer.Tree, "f*", SearchOption.AllDirectories), Has.Length.EqualTo(3000));
        }
    }
}
