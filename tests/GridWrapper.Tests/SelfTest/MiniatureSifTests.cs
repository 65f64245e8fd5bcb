using GridWrapper.SelfTest;
using GridWrapper.Squashfs;
using GridWrapper.Tests.Layers;
using static GridWrapper.SelfTest.MiniatureEntry;

namespace GridWrapper.Tests.SelfTest;

/// <summary>What the self-test writes as an image file is what our reader, and everybody else's, reads.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class MiniatureSifTests
{
    private readonly string _directory = Miniature.Scratch();

    [TearDown]
    public void RemoveScratch() => Miniature.Remove(_directory);

    [Test]
    public void Our_reader_finds_what_was_written()
    {
        var image = SquashfsImage.Open(new ImageBytes.OfMemory(MiniatureSquashfs.Build(Entries())));
        string tree = Path.Combine(_directory, "tree");
        Directory.CreateDirectory(tree);
        MiniatureTree.Write(Entries(), tree);
        string unpacked = Path.Combine(_directory, "unpacked");
        Directory.CreateDirectory(unpacked);

        using (Stream tar = SquashfsTar.Open(image, long.MaxValue))
        {
            System.Formats.Tar.TarFile.ExtractToDirectory(tar, unpacked, overwriteFiles: false);
        }

        Assert.That(TreeListing.Of(unpacked), Is.EqualTo(TreeListing.Of(tree)));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Unsquashfs_finds_what_was_written()
    {
        string unsquashfs = ToolRun.FindOrSkip("unsquashfs");
        string file = Path.Combine(_directory, "image.sqfs");
        await File.WriteAllBytesAsync(file, MiniatureSquashfs.Build(Entries()));
        string tree = Path.Combine(_directory, "tree");
        Directory.CreateDirectory(tree);
        MiniatureTree.Write(Entries(), tree);

        ToolRun run = await ToolRun.RunAsync(unsquashfs, _directory, "-d", Path.Combine(_directory, "unpacked"), file);

        Assert.That(run.ExitCode, Is.Zero, run.Errors + run.Output);
        Assert.That(TreeListing.Of(Path.Combine(_directory, "unpacked")), Is.EqualTo(TreeListing.Of(tree)));
    }

    [Test]
    public async Task The_file_is_a_SIF_with_one_root()
    {
        string file = Path.Combine(_directory, "image.sif");
        MiniatureSif.Write(await Miniature.ImageAsync(), file);
        byte[] sif = await File.ReadAllBytesAsync(file);

        SifObject root = SifHeader.Read(new ImageBytes.OfMemory(sif)).PrimaryPartition()!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That((root.FileSystem, root.Offset + root.SizeBytes), Is.EqualTo((SifFileSystem.Squashfs, (long)sif.Length)));
            Assert.That(SquashfsImage.Open(new ImageBytes.OfMemory(sif[(int)root.Offset..])).Root.Kind, Is.EqualTo(SquashfsKind.Directory));
        }
    }

    /// <summary>More inodes and names than a metadata block holds, files of no, one and several blocks, links, modes.</summary>
    private static IEnumerable<MiniatureEntry> Entries()
    {
        byte[] large = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 50_000).Select(i => i.ToString("x5", CultureInfo.InvariantCulture) + " ")));
        yield return new Folder("bin");
        yield return new RegularFile("bin/tool", large, Executable);
        yield return new SymbolicLink("bin/sh", "tool");
        yield return Text("empty", "");
        yield return new Folder("many");
        for (int i = 0; i < 900; i++)
        {
            yield return Text(string.Create(CultureInfo.InvariantCulture, $"many/file-{i:000}"), $"content {i}");
        }

        yield return new Folder("private", OwnerOnly);
        yield return new Folder("private/deep");
        yield return Text("private/deep/file", "deep\n", OwnerOnly);
    }
}
