using System.Diagnostics;
using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Squashfs;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Squashfs;

/// <summary>Our reader against images of the program that everybody makes them with.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(120_000)]
internal sealed class SquashfsTests
{
    private const string Program = "/usr/bin/mksquashfs";

    private static IEnumerable<TestCaseData> Ways()
    {
        yield return new TestCaseData((object)Array.Empty<string>()).SetArgDisplayNames("gzip");
        foreach (string compressor in (string[])["xz", "zstd", "lz4"])
        {
            yield return new TestCaseData((object)new[] { "-comp", compressor }).SetArgDisplayNames(compressor);
        }

        yield return new TestCaseData((object)new[] { "-noI", "-noD", "-noF" }).SetArgDisplayNames("uncompressed");
        yield return new TestCaseData((object)new[] { "-b", "4096" }).SetArgDisplayNames("small blocks");
        yield return new TestCaseData((object)new[] { "-b", "1M" }).SetArgDisplayNames("large blocks");
        yield return new TestCaseData((object)new[] { "-no-fragments" }).SetArgDisplayNames("no fragments");
        yield return new TestCaseData((object)new[] { "-always-use-fragments", "-b", "8192" }).SetArgDisplayNames("fragments always");
    }

    [TestCaseSource(nameof(Ways))]
    public async Task What_went_in_comes_out(string[] options, CancellationToken ct)
    {
        string tree = MakeTree();
        string image = await MakeAsync(tree, options, ct);
        CacheDirectory cache = NewCache();

        StoredLayer made = await Store(cache).EnsureAsync(FileOf(image), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TreeListing.Of(made.Tree), Is.EqualTo(TreeListing.Of(tree)));
            Assert.That(new FileInfo(made.Tree + "/big").LastWriteTimeUtc, Is.EqualTo(new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc)));
            Assert.That(File.ReadAllBytes(made.Tree + "/big"), Is.EqualTo(File.ReadAllBytes(tree + "/big")));
            Assert.That(new LayerVerifier(Path.GetDirectoryName(made.Tree)!).Verify(ct), Is.Empty, "what is unpacked can be verified like a layer");
        }
    }

    [Test]
    public async Task A_file_with_another_name_and_the_same_content_is_unpacked_once(CancellationToken ct)
    {
        string image = await MakeAsync(MakeTree(), [], ct);
        File.Copy(image, image + ".copy");
        CacheDirectory cache = NewCache();
        ImageFileStore store = Store(cache);
        StoredLayer first = await store.EnsureAsync(FileOf(image), ct);
        StoredLayer second = await store.EnsureAsync(FileOf(image + ".copy"), ct);
        StoredLayer third = await store.EnsureAsync(FileOf(image), ct);

        Assert.That((first.WasCached, second.WasCached, third.WasCached, second.Tree), Is.EqualTo((false, true, true, first.Tree)));
        Assert.That(ImageFileStore.FindCached(cache, FileOf(image + ".copy").Identity), Is.EqualTo(first.DiffId));
        Assert.That(ImageFileStore.FindCached(cache, "another file"), Is.Null);
    }

    [Test]
    public async Task Names_that_remove_something_in_layers_are_names_like_others_in_a_whole_tree(CancellationToken ct)
    {
        string tree = TreeListing.NewDirectory();
        File.WriteAllText(tree + "/.wh.x", "content");
        StoredLayer made = await Store(NewCache()).EnsureAsync(FileOf(await MakeAsync(tree, [], ct)), ct);
        Assert.That(TreeListing.Of(made.Tree), Is.EqualTo(new[] { ".wh.x 644 content" }));
    }

    [Test]
    public async Task The_few_files_that_tell_what_an_image_is_are_found_through_links(CancellationToken ct)
    {
        string tree = TreeListing.NewDirectory();
        Directory.CreateDirectory(tree + "/usr/bin");
        Directory.CreateDirectory(tree + "/.singularity.d/env");
        File.WriteAllText(tree + "/usr/bin/dash", "a shell of many bytes");
        File.CreateSymbolicLink(tree + "/usr/bin/sh", "dash");
        File.CreateSymbolicLink(tree + "/bin", "usr/bin");
        File.WriteAllText(tree + "/.singularity.d/env/10-docker2singularity.sh", "export A=b\n");
        File.CreateSymbolicLink(tree + "/.singularity.d/env/90-environment.sh", "../../etc/outside");
        File.CreateSymbolicLink(tree + "/.singularity.d/loop", "loop");
        string into = TreeListing.NewDirectory();

        Look(await File.ReadAllBytesAsync(await MakeAsync(tree, [], ct), ct)).Copy(into, [".singularity.d", "etc/passwd", "bin/sh*"]);

        Assert.That(TreeListing.Of(into), Is.EqualTo(new[]
        {
            ".singularity.d/ 755", ".singularity.d/env/ 755", ".singularity.d/env/10-docker2singularity.sh 644 export A=b\n", ".singularity.d/env/90-environment.sh -> ../../etc/outside",
            ".singularity.d/loop -> loop", "bin -> usr/bin", "usr/ 755", "usr/bin/ 755", "usr/bin/dash 644 ", "usr/bin/sh -> dash",
        }));
    }

    [TestCase(0.2)]
    [TestCase(0.9)]
    [TestCase(0.999)]
    public async Task A_file_that_was_cut_off_is_refused_and_leaves_nothing(double part, CancellationToken ct)
    {
        string image = await MakeAsync(MakeTree(), [], ct);
        byte[] whole = await File.ReadAllBytesAsync(image, ct);
        await File.WriteAllBytesAsync(image, whole[..(int)(Superblock.Read(new ImageBytes.OfMemory(whole)).BytesUsed * part)], ct);
        CacheDirectory cache = NewCache();

        Assert.That(async () => await Store(cache).EnsureAsync(FileOf(image), ct), Throws.TypeOf<GridWrapperException>().With.Property("Failure").Property("Blame").EqualTo(Blame.Image));
        Assert.That(new CacheInventory(cache, TimeProvider.System).List(), Is.Empty);
    }

    [Test]
    public async Task Damage_anywhere_ends_in_words_and_in_time(CancellationToken ct)
    {
        byte[] good = await File.ReadAllBytesAsync(await MakeAsync(MakeTree(), ["-noI", "-noF", "-b", "4096"], ct), ct);
        var super = Superblock.Read(new ImageBytes.OfMemory(good));
        Random random = new(42);
        int survived = 0;
        for (int round = 0; round < 1500; round++)
        {
            ct.ThrowIfCancellationRequested();
            byte[] bad = [.. good];
            for (int i = random.Next(1, 8); i > 0; i--)
            {
                // Most of the damage where the numbers are: the superblock, and the tables behind the data.
                int at = random.Next(4) == 0 ? random.Next(Superblock.Bytes) : random.Next((int)super.InodeTable, (int)super.BytesUsed);
                bad[at] = (byte)random.Next(256);
            }

            survived += Survives(bad) ? 1 : 0;
        }

        Assert.That(survived, Is.LessThan(1500), "some of it must have been noticed");
    }

    [Test]
    public void An_empty_file_and_noise_are_no_images()
    {
        Assert.That(() => SquashfsImage.Open(new ImageBytes.OfMemory([])), Throws.TypeOf<InvalidDataException>());
        Assert.That(() => SquashfsImage.Open(new ImageBytes.OfMemory(new byte[5000])), Throws.TypeOf<InvalidDataException>().With.Message.Contains("magic"));
    }

    private static bool Survives(byte[] image)
    {
        try
        {
            using Stream tar = SquashfsTar.Open(SquashfsImage.Open(new ImageBytes.OfMemory(image)), 64 << 20);
            byte[] buffer = new byte[1 << 16];
            while (tar.Read(buffer) > 0)
            {
                continue;
            }

            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static SquashfsLookup Look(byte[] image) => new(SquashfsImage.Open(new ImageBytes.OfMemory(image)));

    private static string MakeTree()
    {
        string tree = TreeListing.NewDirectory();
        Directory.CreateDirectory(tree + "/d/e/f");
        Directory.CreateDirectory(tree + "/empty");
        byte[] content = new byte[300_000];
        new Random(7).NextBytes(content.AsSpan(0, 100_000));
        content.AsSpan(250_000).Fill((byte)'x');
        File.WriteAllBytes(tree + "/big", content);
        File.SetLastWriteTimeUtc(tree + "/big", new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc));
        for (int i = 0; i < 700; i++)
        {
            File.WriteAllText(string.Create(CultureInfo.InvariantCulture, $"{tree}/d/e/small{i}"), string.Create(CultureInfo.InvariantCulture, $"content {i}"));
        }

        File.WriteAllText(tree + "/d/" + new string('n', 200), "long name");
        File.WriteAllText(tree + "/d/nothing", "");
        File.CreateSymbolicLink(tree + "/d/link", "../big");
        File.CreateSymbolicLink(tree + "/d/longlink", new string('t', 300));
        File.SetUnixFileMode(tree + "/d/e/small0", (UnixFileMode)0x1ED);
        using Process link = Process.Start("/bin/ln", [tree + "/d/e/small1", tree + "/hard"]);
        link.WaitForExit();
        return tree;
    }

    private static async Task<string> MakeAsync(string tree, string[] options, CancellationToken ct)
    {
        Assume.That(File.Exists(Program), "the program mksquashfs is missing");
        string image = Path.Combine(TreeListing.NewDirectory(), "image.sqsh");
        using Process make = Process.Start(new ProcessStartInfo(Program, [tree, image, "-quiet", "-no-progress", .. options]) { RedirectStandardOutput = true })!;
        await make.WaitForExitAsync(ct);
        Assert.That(make.ExitCode, Is.Zero);
        return image;
    }

    private static CacheDirectory NewCache()
    {
        CacheDirectory cache = new(Path.Combine(TreeListing.NewDirectory(), "cache"));
        cache.Prepare();
        return cache;
    }

    private static ImageFileStore Store(CacheDirectory cache) => new(cache, TimeProvider.System, new CacheLeases(TimeProvider.System));

    private static ImageFile FileOf(string image) => new(image, 0, new FileInfo(image).Length, image);
}
