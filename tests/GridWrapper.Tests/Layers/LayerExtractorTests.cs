using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Tests.Layers;

[Parallelizable(ParallelScope.All)]
internal sealed class LayerExtractorTests
{
    [Test]
    public void An_ordinary_layer_comes_out_as_it_went_in()
    {
        byte[] tar = new TarBuilder()
            .Dir("usr/", 0x1ED).Dir("usr/bin", 0x16D).File("usr/bin/tool", "#!", 0x9ED).Symlink("bin", "usr/bin").HardLink("usr/bin/alias", "usr/bin/tool")
            .Dir("tmp", 0x3FF).File("secret", "s", 0).Entry('6', "pipe", [], new TarBuilder.Header()).Build();

        (string path, LayerIndex index) = TreeListing.Extract(tar);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TreeListing.Of(path), Is.EqualTo(new[]
            {
                "bin -> usr/bin",
                "pipe 644 special",
                "secret 400 s",
                "tmp/ 1777",
                "usr/ 755",
                "usr/bin/ 755",
                "usr/bin/alias 755 #!",
                "usr/bin/tool 755 #!",
            }));
            Assert.That(index.Implied, Is.EqualTo(new[] { EntryPath.Root }));
            Assert.That(index.OverlayReady, Is.True);
        }
    }

    [Test]
    public void Times_of_files_links_and_directories_are_kept_and_wild_ones_clamped()
    {
        byte[] tar = new TarBuilder().Dir("d", mtime: 500).File("d/f", "x", mtime: 600).Pax(("mtime", "-99999999999")).File("old").Pax(("mtime", "99999999999999")).File("new").Build();

        (string path, _) = TreeListing.Extract(tar);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Seconds(path, "d"), Is.EqualTo(500));
            Assert.That(Seconds(path + "/d", "f"), Is.EqualTo(600));
            Assert.That(Seconds(path, "old"), Is.Zero);
            Assert.That(Seconds(path, "new"), Is.EqualTo(0x3_7FFF_FFFF));
        }
    }

    [Test]
    public void Names_that_are_not_utf8_are_made_with_their_bytes()
    {
        (string path, _) = TreeListing.Extract(new TarBuilder().Dir("d\u00E9").File("d\u00E9/f\u00FF", "x").Build());

        Assert.That(TreeListing.Of(path), Is.EqualTo(new[] { "d\u00E9/ 755", "d\u00E9/f\u00FF 644 x" }));
    }

    [Test]
    public void The_later_entry_of_a_name_wins_whatever_the_kinds()
    {
        byte[] tar = new TarBuilder()
            .Dir("a").File("a/inside", "1").File("a", "file now")
            .File("b", "1").Dir("b").File("b/inside", "2")
            .Symlink("c", "a").File("c", "no link any more")
            .Symlink("e", "b").Dir("e").Build();

        (string path, _) = TreeListing.Extract(tar);

        Assert.That(TreeListing.Of(path), Is.EqualTo(new[] { "a 644 file now", "b/ 755", "b/inside 644 2", "c 644 no link any more", "e/ 755" }));
    }

    [Test]
    public void Whiteouts_become_overlay_markers_and_are_recorded()
    {
        byte[] tar = new TarBuilder().Dir("d").Whiteout("d/gone").Dir("o").Opaque("o").Whiteout("o/superfluous").File("o/new", "n").Whiteout("again").Dir("again").File(".wh..wh.aufs").Build();

        (string path, LayerIndex index) = TreeListing.Extract(tar);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TreeListing.Of(path), Is.EqualTo(new[] { "again/ 755 opaque", "d/ 755", "d/gone 0 whiteout", "o/ 755 opaque", "o/new 644 n" }));
            Assert.That(index.Whiteouts.Select(p => p.Latin1), Is.EqualTo(new[] { "again", "d/gone", "o/superfluous" }));
            Assert.That(index.Opaques.Select(p => p.Latin1), Is.EqualTo(new[] { "again", "o" }));
        }
    }

    [Test]
    public void Where_markers_cannot_be_made_the_index_alone_tells()
    {
        string path = TreeListing.NewDirectory();
        using SafeFileHandle root = At.OpenDirectory(path);
        using var extractor = new LayerExtractor(root, ExtractionLimits.ForBlob(1));

        LayerIndex index = extractor.Extract(new MemoryStream(new TarBuilder().Whiteout("gone").Build()), overlayMarkers: false, CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(index.OverlayReady, Is.False);
            Assert.That(TreeListing.Of(path), Is.Empty);
        }
    }

    [Test]
    public void A_link_to_a_lower_layer_is_recorded_not_made()
    {
        (string path, LayerIndex index) = TreeListing.Extract(new TarBuilder().HardLink("b", "usr/a").Build());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TreeListing.Of(path), Is.Empty);
            Assert.That(index.Borrowed.Single(), Is.EqualTo(new BorrowedLink(EntryPath.FromLatin1("b"), EntryPath.FromLatin1("usr/a"))));
            Assert.That(index.OverlayReady, Is.False);
        }
    }

    [Test]
    public void Parents_that_the_archive_does_not_name_are_implied()
    {
        (string path, LayerIndex index) = TreeListing.Extract(new TarBuilder().File("a/b/c", "x").Dir("a", 0x1C0).Build());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TreeListing.Of(path), Is.EqualTo(new[] { "a/ 700", "a/b/ 755", "a/b/c 644 x" }));
            Assert.That(index.Implied.Select(p => p.Latin1), Is.EqualTo(new[] { "", "a/b" }));
        }
    }

    [Test]
    public void Devices_become_empty_files_so_that_a_layer_cannot_forge_whiteouts()
    {
        (string path, _) = TreeListing.Extract(new TarBuilder().Device("c").Device("b", '4').Build());

        Assert.That(TreeListing.Of(path), Is.EqualTo(new[] { "b 644 ", "c 644 " }));
    }

    [Test]
    public void Attributes_that_mean_something_to_overlay_or_to_the_kernel_are_dropped()
    {
        byte[] tar = new TarBuilder()
            .Pax(("SCHILY.xattr.user.overlay.opaque", "y"), ("SCHILY.xattr.trusted.overlay.opaque", "y"), ("SCHILY.xattr.user.note", "kept")).Dir("d")
            .Pax(("SCHILY.xattr.security.capability", "x"), ("SCHILY.xattr.user.note", "kept")).File("f").Build();

        (string path, _) = TreeListing.Extract(tar);

        using SafeFileHandle directory = At.OpenDirectory(path + "/d");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(At.HasXattr(directory, "user.overlay.opaque"u8), Is.False);
            Assert.That(At.HasXattr(directory, "trusted.overlay.opaque"u8), Is.False);
            Assert.That(At.HasXattr(directory, "user.note"u8), Is.True);
        }
    }

    private static long Seconds(string directory, string name)
    {
        using SafeFileHandle parent = At.OpenDirectory(directory);
        At.Stat(parent, Encoding.UTF8.GetBytes(name), out FileStat stat);
        return stat.Modified.Seconds;
    }
}
