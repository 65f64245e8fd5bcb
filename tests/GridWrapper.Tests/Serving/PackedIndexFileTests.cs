using GridWrapper.Images;
using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>What is written is read again, and what was not written is refused, whatever the file holds.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class PackedIndexFileTests
{
    private static readonly byte[] Tar = new TarBuilder()
        .Dir("d", 0x1ED, 5).File("d/f", "content").HardLink("d/g", "d/f").Symlink("s", "d/f").Whiteout("gone").Opaque("d").File("implied/x/y", "z").HardLink("b", "lower/file")
        .Pax(("SCHILY.xattr.user.one", "1"), ("SCHILY.xattr.user.two", "2")).File("attributes", "a").Build();

    [Test]
    public void What_is_written_is_read_again()
    {
        (PackedIndex written, byte[] file) = Written();

        PackedIndex read = Read(file);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(NodeListing.Of(read.Tree.Table, NodeListing.From([Tar]), times: true), Is.EqualTo(NodeListing.Of(written.Tree.Table, NodeListing.From([Tar]), times: true)));
            Assert.That((read.DiffId, read.Blob, read.BlobBytes, read.ArchiveBytes), Is.EqualTo((written.DiffId, written.Blob, written.BlobBytes, written.ArchiveBytes)));
            Assert.That((read.Tree.Entries, read.Tree.DataBytes), Is.EqualTo((written.Tree.Entries, written.Tree.DataBytes)));
            Assert.That(read.Tree.Whiteouts.Select(w => (w.Directory, Encoding.ASCII.GetString(w.Name))), Is.EqualTo(new[] { (NodeTable.Root, "gone") }));
            Assert.That(read.Tree.Opaques, Is.EqualTo(written.Tree.Opaques).And.Length.EqualTo(1));
            Assert.That(read.Tree.Implied, Is.EqualTo(written.Tree.Implied).And.Length.EqualTo(3));
            Assert.That(Encoding.ASCII.GetString(read.Tree.Borrowed.Single().Target), Is.EqualTo("lower/file"));
            Assert.That(read.Tree.Table.Attributes.Single().Value.Select(a => Encoding.ASCII.GetString([.. a.Name, .. a.Value])), Is.EqualTo(new[] { "user.one1", "user.two2" }));
            Assert.That(read.Sparse.Of(-1).Length, Is.EqualTo(2));
        }
    }

    [Test]
    public void What_is_cut_short_or_longer_is_refused()
    {
        byte[] file = Written().File;
        for (int length = 0; length < file.Length; length += length < 300 ? 1 : 37)
        {
            byte[] cut = file[..length];
            Assert.That(() => Read(cut), Throws.TypeOf<InvalidDataException>(), $"{length} of {file.Length} bytes");
        }

        Assert.That(() => Read([.. file, 0]), Throws.TypeOf<InvalidDataException>());
    }

    [Test]
    public void Every_changed_byte_is_noticed()
    {
        byte[] file = Written().File;
        for (int at = 0; at < file.Length; at++)
        {
            byte[] changed = [.. file];
            changed[at] ^= 0x40;
            Assert.That(() => Read(changed), Throws.TypeOf<InvalidDataException>(), $"byte {at}");
        }
    }

    internal static (PackedIndex Index, byte[] File) Written()
    {
        var sparse = new SparseMaps();
        sparse.Add([new(0, 10), new(4096, 5)], 512);
        var index = new PackedIndex(Digest.Of(Tar), LayerTrees.Of(Tar), sparse, Tar.Length) { Blob = Digest.Of("blob"u8), BlobBytes = 77 };
        string path = TreeListing.NewDirectory() + "/index";
        PackedIndexFile.Write(path, index);
        return (index, File.ReadAllBytes(path));
    }

    internal static PackedIndex Read(byte[] bytes)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "scratch", "index-" + Guid.NewGuid().ToString("N"));
        File.WriteAllBytes(path, bytes);
        try
        {
            return PackedIndexFile.Read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
