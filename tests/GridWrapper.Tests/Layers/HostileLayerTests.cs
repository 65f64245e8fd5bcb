using GridWrapper.Layers;

namespace GridWrapper.Tests.Layers;

/// <summary>Archives made to reach outside, one per class of attack known from container tools. The witness beside the tree must stay as it is.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class HostileLayerTests
{
    private static readonly string Deep = string.Join('/', Enumerable.Repeat("d", EntryPath.MaxDepth + 1));

    internal static IEnumerable<TestCaseData> Refused()
    {
        yield return Case("dot_dot", new TarBuilder().File("../witness", "HOST PATH WAS CHANGED"), "..");
        yield return Case("dot_dot_inside", new TarBuilder().Dir("a").File("a/../../witness", "x"), "..");
        yield return Case("dot_dot_directory", new TarBuilder().Dir(".."), "..");
        yield return Case("root_is_a_symlink", new TarBuilder().Symlink(".", "/etc").File("passwd", "x"), "root");
        yield return Case("root_is_a_file", new TarBuilder().File(".", "x"), "root");
        yield return Case("hard_link_out", new TarBuilder().HardLink("a", "../witness"), "..");
        yield return Case("hard_link_to_root", new TarBuilder().HardLink("a", "/"), "root");
        yield return Case("hard_link_to_directory", new TarBuilder().Dir("d").HardLink("a", "d"), "directory");
        yield return Case("symlink_circle", new TarBuilder().Symlink("a", "b").Symlink("b", "a").File("a/x", "x"), "symbolic links");
        yield return Case("file_as_parent", new TarBuilder().File("a", "x").File("a/b", "x"), "not a directory");
        yield return Case("name_too_long", new TarBuilder().Pax(("path", new string('n', 256))).File("a"), "255");
        yield return Case("path_too_long", new TarBuilder().Pax(("path", string.Join('/', Enumerable.Repeat(new string('p', 250), 20)))).File("a"), "4095");
        yield return Case("too_deep", new TarBuilder().Pax(("path", Deep)).File("a"), "deeper");
        yield return Case("nul_in_name", new TarBuilder().Pax(("path", "a\0b")).File("a"), "NUL");
        yield return Case("whiteout_of_dot_dot", new TarBuilder().Dir("d").File("d/.wh..."), "whiteout");
        yield return Case("whiteout_of_nothing", new TarBuilder().File(".wh."), "whiteout");
        yield return Case("empty_symlink", new TarBuilder().Symlink("a", ""), "target");
        yield return Case("symlink_chain_deep", Chain(), "deeper");
    }

    [TestCaseSource(nameof(Refused))]
    public void Refused_with_the_entry_named(byte[] tar, string reason)
    {
        string witness = Path.Combine(TreeListing.NewDirectory(), "witness");
        File.WriteAllText(witness, "untouched");

        Assert.That(() => TreeListing.Extract(tar), Throws.TypeOf<InvalidDataException>().With.Message.Contains(reason));
        Assert.That(File.ReadAllText(witness), Is.EqualTo("untouched"));
    }

    /// <summary>These are harmless once links are resolved inside the tree, as a container would see them.</summary>
    [Test]
    public void Links_on_the_way_stay_inside()
    {
        string outside = TreeListing.NewDirectory();
        File.WriteAllText(outside + "/witness", "untouched");
        byte[] tar = new TarBuilder()
            .Symlink("abs", outside).File("abs/witness", "HOST PATH WAS CHANGED")
            .Symlink("up", "../../../../../../../../" + outside).File("up/second", "x")
            .Symlink("link", outside + "/witness").File("link", "HOST PATH WAS CHANGED")
            .Whiteout("abs/witness2")
            .Build();

        (string path, _) = TreeListing.Extract(tar);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Directory.GetFileSystemEntries(outside), Is.EqualTo(new[] { outside + "/witness" }));
            Assert.That(File.ReadAllText(outside + "/witness"), Is.EqualTo("untouched"));
            Assert.That(File.ReadAllText(path + outside + "/witness"), Is.EqualTo("HOST PATH WAS CHANGED"));
            Assert.That(File.Exists(path + outside + "/second"), Is.True);
            Assert.That(File.ReadAllText(path + "/link"), Is.EqualTo("HOST PATH WAS CHANGED"));
        }
    }

    [Test]
    public void Absolute_names_land_inside()
    {
        (string path, _) = TreeListing.Extract(new TarBuilder().File("/etc/passwd", "x").File("//./a", "y").Build());

        Assert.That(TreeListing.Of(path), Is.EqualTo(new[] { "a 644 y", "etc/ 755", "etc/passwd 644 x" }));
    }

    [Test]
    public void A_hard_link_to_a_symlink_links_the_symlink()
    {
        (string path, _) = TreeListing.Extract(new TarBuilder().Symlink("s", "/etc/passwd").HardLink("h", "s").Build());

        Assert.That(TreeListing.Of(path), Is.EqualTo(new[] { "h -> /etc/passwd", "s -> /etc/passwd" }));
    }

    [Test]
    public void A_mode_change_through_a_symlink_does_not_reach_its_target()
    {
        string outside = TreeListing.NewDirectory();
        Directory.CreateDirectory(outside + "/target");
        string[] before = TreeListing.Of(outside);

        TreeListing.Extract(new TarBuilder().Dir("d", 0x1C0).Symlink("d", outside + "/target").Build());

        Assert.That(TreeListing.Of(outside), Is.EqualTo(before));
    }

    [Test]
    public void A_bomb_is_stopped_at_the_limit()
    {
        var limits = new ExtractionLimits { MaxBytes = 1_000_000, MaxEntries = 10 };
        var many = new TarBuilder();
        Enumerable.Range(0, 11).ToList().ForEach(i => many.File($"f{i}"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => ExtractWith(limits, many.Build()), Throws.TypeOf<InvalidDataException>().With.Message.Contains("more than 10 entries"));
            Assert.That(() => ExtractWith(limits, new TarBuilder().File("f", new string('x', 1_000_001)).Build()), Throws.TypeOf<InvalidDataException>().With.Message.Contains("1000000 bytes"));
            Assert.That(ExtractionLimits.ForBlob(100_000_000).MaxBytes, Is.EqualTo(20_000_000_000));
            Assert.That(ExtractionLimits.ForBlob(10).MaxBytes, Is.EqualTo(ExtractionLimits.RatioFloorBytes));
        }
    }

    private static void ExtractWith(ExtractionLimits limits, byte[] tar)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle root = GridWrapper.Linux.At.OpenDirectory(TreeListing.NewDirectory());
        using var extractor = new LayerExtractor(root, limits);
        var from = new HandOver<Block>(1000);
        var to = new HandOver<Block>(1000);
        foreach (byte[] piece in tar.Chunk(Block.Capacity))
        {
            Block block = Block.Rent();
            piece.CopyTo(block.Bytes, 0);
            block.Length = piece.Length;
            from.Put(block);
        }

        from.Finish(null);
        LayerPipeline.DigestBlocks(from, to, limits.MaxBytes);
        using var stream = new BlockReader(to);
        extractor.Extract(stream, overlayMarkers: true, CancellationToken.None);
    }

    /// <summary>Each link leads one directory deeper through the one before.</summary>
    private static TarBuilder Chain()
    {
        string deep = string.Join('/', Enumerable.Repeat("d", 200));
        return new TarBuilder().Pax(("linkpath", deep)).Symlink("a", "x").Pax(("path", "a/" + deep + "/f")).File("f", "x");
    }

    private static TestCaseData Case(string name, TarBuilder tar, string reason) => new TestCaseData(tar.Build(), reason).SetName("Refused_" + name);
}
