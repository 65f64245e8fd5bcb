using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Tests.Layers;

/// <summary>The reference semantics of layers on top of each other (OCI image-spec, layer.md), for the flattened form; the stack is compared with it by a model of overlay.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class FlattenerTests
{
    internal static IEnumerable<TestCaseData> Stacks()
    {
        yield return Case(
            "whiteout_removes_file_and_directory",
            ["etc/ 755", "etc/keep 644 k"],
            new TarBuilder().Dir("etc").File("etc/keep", "k").File("etc/gone", "g").Dir("dir").File("dir/x"),
            new TarBuilder().Dir("etc").Whiteout("etc/gone").Whiteout("dir"));
        yield return Case(
            "opaque_hides_lower_keeps_own_whatever_the_order",
            ["d/ 755", "d/after 644 2", "d/before 644 1"],
            new TarBuilder().Dir("d").File("d/low", "0").Dir("d/sub").File("d/sub/x"),
            new TarBuilder().Dir("d").File("d/before", "1").Opaque("d").File("d/after", "2"));
        yield return Case(
            "whiteout_beside_the_same_name_hides_only_lower",
            ["d/ 755", "d/new 644 n", "f 644 upper"],
            new TarBuilder().Dir("d").File("d/old", "o").File("f", "lower"),
            new TarBuilder().Dir("d").File("d/new", "n").Whiteout("d").File("f", "upper").Whiteout("f"));
        yield return Case(
            "types_change",
            ["a 644 now a file", "b/ 755", "b/x 644 x", "c -> a"],
            new TarBuilder().Dir("a").File("a/x").File("b", "was a file").Dir("c").File("c/y"),
            new TarBuilder().File("a", "now a file").Dir("b").File("b/x", "x").Symlink("c", "a"));
        yield return Case(
            "explicit_directory_over_symlink_replaces_it",
            ["lib/ 755", "lib/new 644 n", "usr/ 755", "usr/lib/ 755", "usr/lib/old 644 o"],
            new TarBuilder().Dir("usr").Dir("usr/lib").File("usr/lib/old", "o").Symlink("lib", "usr/lib"),
            new TarBuilder().Dir("lib").File("lib/new", "n"));
        yield return Case(
            "implied_directory_follows_symlink_inside",
            ["lib -> /usr/lib", "usr/ 755", "usr/lib/ 755", "usr/lib/new 644 n", "usr/lib/old 644 o"],
            new TarBuilder().Dir("usr").Dir("usr/lib").File("usr/lib/old", "o").Symlink("lib", "/usr/lib"),
            new TarBuilder().File("lib/new", "n"));
        yield return Case(
            "implied_directory_keeps_lower_mode",
            ["tmp/ 1777", "tmp/f 644 x"],
            new TarBuilder().Dir("tmp", 0x3FF),
            new TarBuilder().File("tmp/f", "x"));
        yield return Case(
            "upper_mode_wins",
            ["d/ 700", "d/f 644 x"],
            new TarBuilder().Dir("d").File("d/f", "x"),
            new TarBuilder().Dir("d", 0x1C0));
        yield return Case(
            "hard_link_to_lower_layer_even_if_the_target_is_removed",
            ["new 644 data"],
            new TarBuilder().File("old", "data"),
            new TarBuilder().HardLink("new", "old").Whiteout("old"));
        yield return Case(
            "whiteout_again_and_back",
            ["f 644 3"],
            new TarBuilder().File("f", "1"),
            new TarBuilder().Whiteout("f"),
            new TarBuilder().File("f", "3"));
        yield return Case(
            "whiteout_in_a_directory_no_other_layer_has",
            ["n/ 755", "n/own 644 o"],
            new TarBuilder().File("x", "x"),
            new TarBuilder().Whiteout("x").Dir("n").Whiteout("n/ghost").File("n/own", "o"));
        yield return Case(
            "opaque_root",
            ["only 644 this"],
            new TarBuilder().File("a", "a").Dir("b"),
            new TarBuilder().File(".wh..wh..opq").File("only", "this"));
        yield return Case(
            "names_of_any_bytes",
            ["\u00E9\u00FF 644 new"],
            new TarBuilder().File("\u00E9\u00FF", "old").File("\u0080gone"),
            new TarBuilder().File("\u00E9\u00FF", "new").Whiteout("\u0080gone"));
        yield return Case(
            "the_same_layer_twice",
            ["a 644 1", "b 644 2"],
            new TarBuilder().File("a", "1"),
            new TarBuilder().Whiteout("a").File("b", "2"),
            new TarBuilder().File("a", "1"));
    }

    [TestCaseSource(nameof(Stacks))]
    public async Task Flattened_layers_are_the_reference_listing(byte[][] tars, string[] expected, CancellationToken ct)
    {
        (CacheDirectory cache, ImmutableArray<StoredLayer> layers) = await ImportAsync(tars, ct);

        string tree = await new Flattener(cache, TimeProvider.System).EnsureAsync(Digest.Of("config"u8), layers, ct);

        Assert.That(TreeListing.Of(tree), Is.EqualTo(expected));
    }

    /// <summary>Where the layers are stacked, overlay's own rules applied to the lower directories give the same listing; corner cases are declined.</summary>
    [TestCaseSource(nameof(Stacks))]
    public async Task Stacked_layers_are_the_same_or_declined(byte[][] tars, string[] expected, CancellationToken ct)
    {
        (CacheDirectory cache, ImmutableArray<StoredLayer> layers) = await ImportAsync(tars, ct);
        ImmutableArray<StoredLayer> topFirst = [.. LayerStack.Order(layers.Select(l => l.DiffId)).Select(id => layers.First(l => l.DiffId == id))];

        (ImmutableArray<string> directories, string refusal) = LayerStack.Build(cache, Digest.Of("config"u8), topFirst);

        if (refusal.Length == 0)
        {
            Assert.That(OverlayModel.List(directories), Is.EqualTo(expected));
        }
        else
        {
            Assert.That(TestContext.CurrentContext.Test.Name, Does.Contain("hard_link_to_lower").Or.Contain("implied_directory"), refusal);
        }
    }

    [Test]
    public async Task A_hard_link_to_nowhere_is_blamed_on_the_image(CancellationToken ct)
    {
        (CacheDirectory cache, ImmutableArray<StoredLayer> layers) = await ImportAsync([new TarBuilder().HardLink("a", "nowhere").Build()], ct);

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => new Flattener(cache, TimeProvider.System).EnsureAsync(Digest.Of("c"u8), layers, ct))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(Blame.Image));
            Assert.That(fault.Message, Does.Contain("nowhere"));
            Assert.That(Directory.GetFileSystemEntries(cache.Store + "/tmp"), Is.Empty);
        }
    }

    /// <summary>Layers of a shared root mostly lie on another file system than the cache.</summary>
    [Test]
    public async Task Layers_of_another_file_system_are_copied(CancellationToken ct)
    {
        const string elsewhere = "/dev/shm";
        CacheDirectory cache = LayerStoreTests.NewCache();
        if (!Directory.Exists(elsewhere) || FileSystemState.Of(elsewhere).Type == FileSystemState.Of(cache.Path).Type)
        {
            Assert.Ignore("this machine has no second file system at /dev/shm");
        }

        string shared = Directory.CreateDirectory($"{elsewhere}/gridwrap-{Guid.NewGuid():N}").FullName;
        try
        {
            var store = new LayerStore(new CacheDirectory(shared), TimeProvider.System);
            store.Cache.Prepare();
            byte[] tar = new TarBuilder().Dir("d").File("d/f", "content", 0x1C0, 1_200_000_000).Symlink("d/l", "f").HardLink("d/h", "d/f").Entry('6', "d/p", [], new TarBuilder.Header(Mode: 0x180)).Build();
            var blobs = new FakeBlobs();
            StoredLayer layer = await store.EnsureAsync(blobs.Add(tar), Digest.Of(tar), blobs, ct);

            string tree = await new Flattener(cache, TimeProvider.System).EnsureAsync(Digest.Of("c"u8), [layer], ct);

            using (Assert.EnterMultipleScope())
            {
                Assert.That(TreeListing.Of(tree), Is.EqualTo(TreeListing.Of(layer.Tree)));
                Assert.That(File.GetLastWriteTimeUtc(tree + "/d/f"), Is.EqualTo(DateTime.UnixEpoch.AddSeconds(1_200_000_000)));
            }
        }
        finally
        {
            Directory.Delete(shared, recursive: true);
        }
    }

    private static async Task<(CacheDirectory Cache, ImmutableArray<StoredLayer> Layers)> ImportAsync(byte[][] tars, CancellationToken ct)
    {
        var store = new LayerStore(LayerStoreTests.NewCache(), TimeProvider.System);
        var blobs = new FakeBlobs();
        var layers = new List<StoredLayer>();
        foreach (byte[] tar in tars)
        {
            layers.Add(await store.EnsureAsync(blobs.Add(TarBuilder.Gzip(tar)), Digest.Of(tar), blobs, ct));
        }

        return (store.Cache, [.. layers]);
    }

    private static TestCaseData Case(string name, string[] expected, params TarBuilder[] layers) =>
        new TestCaseData(layers.Select(l => l.Build()).ToArray(), expected).SetArgDisplayNames(name);
}
