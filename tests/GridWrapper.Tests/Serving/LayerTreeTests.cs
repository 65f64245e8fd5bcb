using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>The tree of a layer in memory is the tree that unpacking makes, and layers on each other are what flattening makes, refusals included.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LayerTreeTests
{
    private const int Batches = 16;
    private const int ArchivesInBatch = 60;
    private const int StacksInBatch = 20;

    private static IEnumerable<byte[]> Ordinary()
    {
        yield return new TarBuilder()
            .Dir("usr/", 0x1ED).Dir("usr/bin", 0x16D).File("usr/bin/tool", "#!", 0x9ED).Symlink("bin", "usr/bin").HardLink("usr/bin/alias", "usr/bin/tool")
            .Dir("tmp", 0x3FF).File("secret", "s", 0).Entry('6', "pipe", [], new TarBuilder.Header()).Build();
        yield return new TarBuilder().Dir("./", 0x1C0, 77).Dir("./d", mtime: 500).File("./d/f", "x", mtime: 600).Pax(("mtime", "-99999999999")).File("old").Pax(("mtime", "99999999999999.5")).File("new").Build();
        yield return new TarBuilder().Dir("d\u00E9").File("d\u00E9/f\u00FF", "x").Device("c").Device("b", '4').Build();
        yield return new TarBuilder().Dir("a").File("a/inside", "1").File("a", "file now").File("b", "1").Dir("b").File("b/inside", "2").Symlink("c", "a").File("c", "no link").Symlink("e", "b").Dir("e").Build();
        yield return new TarBuilder().File("a/b/c", "x").Dir("a", 0x1C0).Symlink("l", "../../a/b").File("l/d", "through a link").File("nowhere/else", "x").Build();
        yield return new TarBuilder().Pax(("path", string.Join('/', Enumerable.Repeat(new string('p', 200), 15)))).File("a", "long").Symlink("s", "/etc/passwd").HardLink("h", "s").Build();
    }

    private static IEnumerable<int> Seeds() => Enumerable.Range(1, Batches);

    [TestCaseSource(nameof(Ordinary))]
    public void An_archive_gives_the_tree_that_unpacking_gives(byte[] tar) => Compare(tar);

    [TestCaseSource(typeof(HostileLayerTests), nameof(HostileLayerTests.Refused))]
    public void A_hostile_archive_is_refused_with_the_same_words(byte[] tar, string reason)
    {
        Assert.That(() => LayerTrees.Of(tar), Throws.TypeOf<InvalidDataException>().With.Message.Contains(reason));
        Compare(tar);
    }

    [TestCaseSource(nameof(Seeds))]
    public void Random_archives_give_the_tree_that_unpacking_gives(int seed)
    {
        var random = new RandomArchive(seed);
        for (int i = 0; i < ArchivesInBatch; i++)
        {
            Compare(random.Next());
        }
    }

    [TestCaseSource(typeof(FlattenerTests), nameof(FlattenerTests.Stacks))]
    public void Layers_on_each_other_are_the_reference_listing(byte[][] tars, string[] expected) =>
        Assert.That(NodeListing.Of(LayerTrees.Union(tars), NodeListing.From(tars)), Is.EqualTo(expected));

    [TestCaseSource(nameof(Seeds))]
    public void Random_stacks_give_the_tree_that_flattening_gives(int seed)
    {
        var random = new RandomArchive(1000 + seed);
        for (int i = 0; i < StacksInBatch; i++)
        {
            byte[][] tars = Stack(random);
            (string[] lines, string refusal) = Flatten(tars);
            (string[] own, string ownRefusal) = Try(() => NodeListing.Of(LayerTrees.Union(tars), NodeListing.From(tars), times: true));
            using (Assert.EnterMultipleScope())
            {
                Assert.That(ownRefusal.Length > 0, Is.EqualTo(refusal.Length > 0), $"seed {seed}, stack {i}: '{refusal}' and '{ownRefusal}'");
                Assert.That(own, Is.EqualTo(lines), $"seed {seed}, stack {i}");
            }
        }
    }

    [Test]
    public void Limits_of_entries_and_sizes_hold()
    {
        var limits = new ExtractionLimits { MaxBytes = long.MaxValue, MaxEntries = 10, MaxFileBytes = 100 };
        var many = new TarBuilder();
        Enumerable.Range(0, 11).ToList().ForEach(i => many.File($"f{i}"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => LayerTrees.Of(many.Build(), limits), Throws.TypeOf<InvalidDataException>().With.Message.Contains("more than 10 entries"));
            Assert.That(() => LayerTrees.Of(new TarBuilder().File("a/b/c/d/e/f/g/h/i/j/k").File("l").Build(), limits), Throws.TypeOf<InvalidDataException>().With.Message.Contains("more than 10 entries"), "directories that no entry names count");
            Assert.That(() => LayerTrees.Of(new TarBuilder().Symlink("l", "d").File("l/f", new string('x', 101)).Build(), limits), Throws.TypeOf<InvalidDataException>().With.Message.Contains("the file 'd/f' would have 101 bytes"));
        }
    }

    [Test]
    public void Attributes_that_any_user_may_set_are_kept_and_overlays_own_are_not()
    {
        byte[] tar = new TarBuilder()
            .Pax(("SCHILY.xattr.user.overlay.opaque", "y"), ("SCHILY.xattr.security.capability", "x"), ("SCHILY.xattr.user.note", "kept")).File("f", "x")
            .Pax(("SCHILY.xattr.user.note", "first")).Dir("d").Pax(("SCHILY.xattr.user.other", "last")).Dir("d").Build();

        NodeTable table = LayerTrees.Union([tar, new TarBuilder().File("d/x").Build()]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Attributes(table, "f"u8), Is.EqualTo("user.note=kept"));
            Assert.That(Attributes(table, "d"u8), Is.EqualTo("user.other=last"));
        }
    }

    [Test]
    public void Names_of_one_file_stay_names_of_one_file_also_across_layers()
    {
        NodeTable table = LayerTrees.Union([new TarBuilder().File("a", "x").HardLink("b", "a").Build(), new TarBuilder().HardLink("c", "b").Build()]);

        int node = table.Find(NodeTable.Root, "a"u8);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(table.Find(NodeTable.Root, "b"u8), Is.EqualTo(node));
            Assert.That(table.Find(NodeTable.Root, "c"u8), Is.EqualTo(node));
            Assert.That(table[node].Links, Is.EqualTo(3));
        }
    }

    [Test]
    public void A_link_from_a_deep_directory_to_a_deep_one_does_not_make_a_deeper_one()
    {
        string deep = string.Join('/', Enumerable.Repeat("d", 200));
        byte[] below = new TarBuilder().Pax(("path", deep + "/f")).File("f", "x").Pax(("path", deep + "/l"), ("linkpath", string.Join('/', Enumerable.Repeat("e", 100)))).Symlink("l", "x").Pax(("path", deep + "/" + string.Join('/', Enumerable.Repeat("e", 50)) + "/x")).File("x").Build();
        byte[] above = new TarBuilder().Pax(("path", deep + "/l/new")).File("n", "y").Build();

        Assert.That(NodeListing.Of(LayerTrees.Union([below, above]), NodeListing.From([below, above])), Does.Contain(deep + "/l/new 644 y"));
    }

    private static string Attributes(NodeTable table, ReadOnlySpan<byte> name) =>
        string.Join(' ', table.Attributes[table.Find(NodeTable.Root, name)].Select(a => $"{Encoding.UTF8.GetString(a.Name)}={Encoding.UTF8.GetString(a.Value)}"));

    /// <summary>
    /// Archives that are not refused. Where a directory that a layer only implies meets a link below, and the layer changes at the same time where the link leads, the order of names
    /// decides, which on disk is anybody's: none of that here.
    /// </summary>
    private static byte[][] Stack(RandomArchive random)
    {
        List<byte[]> tars = [new TarBuilder().Dir(".", 0x1ED, 5).Build()];
        for (int tries = 0; tries < 8; tries++)
        {
            byte[] tar = random.Next();
            if (Unpack(tar).Refusal.Length == 0 && Try(() => NodeListing.Of(LayerTrees.Union(tars), _ => [])).Refusal.Length == 0 && !MeetsLink(LayerTrees.Of(tar), LayerTrees.Union(tars), (NodeTable.Root, NodeTable.Root)))
            {
                tars.Add(tar);
            }
        }

        return [.. tars];
    }

    private static bool MeetsLink(LayerTree layer, NodeTable below, (int Above, int Below) place)
    {
        bool meets = false;
        for (int entry = layer.Table.NextEntry(place.Above, NodeTable.None); entry >= 0 && !meets; entry = layer.Table.NextEntry(place.Above, entry))
        {
            int node = layer.Table.Entries[entry].Node;
            int there = below.Find(place.Below, layer.Table.Name(entry));
            meets = there >= 0 && NodeKind.IsDirectory(layer.Table[node].Mode)
                && (NodeKind.IsLink(below[there].Mode) ? layer.Implied.Contains(node) : NodeKind.IsDirectory(below[there].Mode) && MeetsLink(layer, below, (node, there)));
        }

        return meets;
    }

    private static void Compare(byte[] tar)
    {
        (string path, LayerIndex? index, string refusal) = Unpack(tar);
        LayerTree? tree = null;
        (_, string own) = Try(() =>
        {
            tree = LayerTrees.Of(tar);
            return [];
        });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(own.Length > 0, Is.EqualTo(refusal.Length > 0), $"'{refusal}' and '{own}'");

            // Where a directory goes with the target of the link that replaces it the kernel's words are not ours.
            Assert.That(own, Is.EqualTo(refusal).Or.Contain("replaces a directory that holds its target"));
            if (index is not null && tree is not null)
            {
                Assert.That(NodeListing.Of(tree.Table, NodeListing.From([tar]), times: true), Is.EqualTo(TreeListing.WithTimes(path)));
                Assert.That(tree.Borrowed.Select(link => Encoding.Latin1.GetString(link.Path) + " " + Encoding.Latin1.GetString(link.Target)), Is.EqualTo(index.Borrowed.Select(link => link.Path.Latin1 + " " + link.Target.Latin1)));
                Assert.That(tree.Implied, Has.Length.EqualTo(index.Implied.Length));
                Assert.That((tree.Entries, tree.DataBytes), Is.EqualTo((index.Entries, index.DataBytes)));
            }
        }
    }

    /// <summary>Without overlay's marks, so that the listing is that of the files.</summary>
    private static (string Path, LayerIndex? Index, string Refusal) Unpack(byte[] tar)
    {
        string path = TreeListing.NewDirectory();
        LayerIndex? index = null;
        (_, string refusal) = Try(() =>
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle root = At.OpenDirectory(path);
            using var extractor = new LayerExtractor(root, ExtractionLimits.ForBlob(tar.Length));
            index = extractor.Extract(new MemoryStream(tar), overlayMarkers: false, CancellationToken.None);
            return [];
        });
        return (path, index, refusal);
    }

    private static (string[] Lines, string Refusal) Flatten(byte[][] tars)
    {
        string tree = TreeListing.NewDirectory();
        return Try(() =>
        {
            using (var flat = new FlatTree(tree, TreeListing.NewDirectory()))
            {
                foreach (byte[] tar in tars)
                {
                    (string path, LayerIndex? index, _) = Unpack(tar);
                    flat.Add(new StoredLayer(Digest.Of(tar), path, index!, WasCached: false), CancellationToken.None);
                }

                flat.FinishDirectories();
            }

            return TreeListing.WithTimes(tree);
        });
    }

    private static (string[] Lines, string Refusal) Try(Func<string[]> make)
    {
        try
        {
            return (make(), "");
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return ([], e.Message);
        }
    }
}
