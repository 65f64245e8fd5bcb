using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class PackedStoreTests
{
    private static readonly byte[] Tar = new TarBuilder().Dir("d").File("d/f", "content").File("big", new string('b', 300_000)).Build();
    private static readonly Digest DiffId = Digest.Of(Tar);

    [Test]
    public async Task A_layer_is_fetched_once_and_then_found(CancellationToken ct)
    {
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(TarBuilder.Gzip(Tar));

        PackedLayer first = await store.EnsureAsync(descriptor, DiffId, blobs, ct);
        PackedLayer second = await store.EnsureAsync(descriptor, DiffId, blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((first.WasCached, second.WasCached), Is.EqualTo((false, true)));
            Assert.That(blobs.Opened, Is.EqualTo(1));
            Assert.That(PackedStore.FindCached(store.Cache, [DiffId, Digest.Of("other"u8)]), Is.EqualTo(new[] { DiffId }));
            Assert.That(Digest.Of(File.ReadAllBytes(second.Directory + "/data")), Is.EqualTo(DiffId), "the archive as it was");
            Assert.That(Directory.GetFileSystemEntries(second.Directory), Has.Length.EqualTo(2));
            Assert.That(Directory.GetFileSystemEntries(store.Cache.Store + "/tmp"), Is.Empty);
            Assert.That(List(first), Is.EqualTo(List(second)).And.EqualTo(new[] { "big 644 " + new string('b', 300_000), "d/ 755", "d/f 644 content" }));
        }
    }

    private static IEnumerable<TestCaseData> Damage()
    {
        yield return Case("index_cut", d => File.WriteAllBytes(d + "/index", File.ReadAllBytes(d + "/index")[..^1]));
        yield return Case("index_empty", d => File.WriteAllBytes(d + "/index", []));
        yield return Case("index_changed", d => Change(d + "/index", 200));
        yield return Case("data_cut", d => File.WriteAllBytes(d + "/data", Tar[..^512]));
        yield return Case("data_gone", d => File.Delete(d + "/data"));
        yield return Case("index_gone", d => File.Delete(d + "/index"));
    }

    [TestCaseSource(nameof(Damage))]
    public async Task A_damaged_layer_is_made_anew(Action<string> damage, CancellationToken ct)
    {
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(Tar);
        damage((await store.EnsureAsync(descriptor, DiffId, blobs, ct)).Directory);

        PackedLayer again = await store.EnsureAsync(descriptor, DiffId, blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(again.WasCached, Is.False);
            Assert.That(List(again), Has.Member("d/f 644 content"));
            Assert.That(new PackedVerifier(again.Directory).Verify(ct), Is.Empty);
        }
    }

    [Test]
    public async Task What_cannot_be_read_any_more_is_an_error_of_that_file_alone(CancellationToken ct)
    {
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        PackedLayer layer = await store.EnsureAsync(blobs.Add(Tar), DiffId, blobs, ct);
        File.WriteAllBytes(layer.Directory + "/data", Tar[..4096]);
        using FileSource source = layer.Open();
        Node big = layer.Tree.Table[Tables.Find(layer.Tree, "big")];
        Node small = layer.Tree.Table[Tables.Find(layer.Tree, "d/f")];
        byte[] buffer = new byte[7];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(source.Read(small.Data, 0, buffer), Is.Zero);
            Assert.That(Encoding.ASCII.GetString(buffer), Is.EqualTo("content"));
            Assert.That(source.Read(big.Data, 200_000, buffer), Is.EqualTo(Errno.EIO));
            Assert.That(source.Read(-5, 0, buffer), Is.Zero, "a sparse file without pieces is one hole");
            Assert.That(source.Read(long.MaxValue, 10, buffer), Is.EqualTo(Errno.EIO));
        }
    }

    [Test]
    public async Task Sparse_files_read_as_their_archive_says(CancellationToken ct)
    {
        byte[] tar = new TarBuilder()
            .Pax(("GNU.sparse.size", "20000"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.offset", "100"), ("GNU.sparse.numbytes", "5"), ("GNU.sparse.offset", "9000"), ("GNU.sparse.numbytes", "3"))
            .File("sparse", "abcdefgh").Build();
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        PackedLayer layer = await store.EnsureAsync(blobs.Add(tar), Digest.Of(tar), blobs, ct);
        byte[] whole = new byte[20000];
        "abcde"u8.CopyTo(whole.AsSpan(100));
        "fgh"u8.CopyTo(whole.AsSpan(9000));
        using FileSource source = layer.Open();
        Random random = new(1);
        for (int i = 0; i < 500; i++)
        {
            int start = i < 100 ? 95 + (i % 15) : random.Next(20000);
            byte[] piece = new byte[random.Next(20000 - start)];
            Assert.That(source.Read(layer.Tree.Table[Tables.Find(layer.Tree, "sparse")].Data, start, piece), Is.Zero);
            Assert.That(piece.AsSpan().SequenceEqual(whole.AsSpan(start, piece.Length)), Is.True, $"{piece.Length} bytes from {start}");
        }
    }

    [Test]
    public void A_bad_layer_is_blamed_on_the_image_and_nothing_is_kept()
    {
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        foreach (byte[] blob in (byte[][])[new TarBuilder().File("other").Build(), Tar[..600], new TarBuilder().File("../x").Build(), TarBuilder.Gzip(Tar)[..500]])
        {
            GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => store.EnsureAsync(blobs.Add(blob), DiffId, blobs, CancellationToken.None))!;
            Assert.That(fault.Failure.Blame, Is.EqualTo(Blame.Image));
        }

        Assert.That(Directory.GetFileSystemEntries(store.Cache.Store + "/tmp"), Is.Empty);
        Assert.That(PackedStore.FindCached(store.Cache, [DiffId]), Is.Empty);
    }

    [Test]
    public async Task Of_many_that_want_an_image_one_fetches_it(CancellationToken ct)
    {
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        byte[] other = new TarBuilder().File("other", "o").Build();
        ImageLayer[] layers = [new ImageLayer(blobs.Add(TarBuilder.Gzip(Tar)), DiffId), new ImageLayer(blobs.Add(other), Digest.Of(other))];

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => new PackedStore(store.Cache, TimeProvider.System).EnsureAllAsync(layers, blobs, ct), ct)));

        Assert.That(blobs.Opened, Is.EqualTo(2));
    }

    [Test]
    public async Task What_a_killed_process_left_is_removed_by_the_next(CancellationToken ct)
    {
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        string left = store.Cache.Temporary("layer-packed-" + DiffId.Hex);
        Directory.CreateDirectory(left);
        File.WriteAllText(left + "/data", "half");

        await store.EnsureAsync(blobs.Add(Tar), DiffId, blobs, ct);

        Assert.That(Directory.GetFileSystemEntries(store.Cache.Store + "/tmp"), Is.Empty);
    }

    [Test]
    public async Task The_inventory_knows_packed_layers_and_leaves_those_in_use(CancellationToken ct)
    {
        PackedStore plain = NewStore();
        var leases = new CacheLeases(TimeProvider.System);
        var blobs = new FakeBlobs();
        PackedLayer layer = await new PackedStore(plain.Cache, TimeProvider.System, leases).EnsureAsync(blobs.Add(Tar), DiffId, blobs, ct);
        CacheInventory inventory = new(plain.Cache, TimeProvider.System);

        CacheItem item = inventory.List().Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((item.Kind, item.Name, item.InUse), Is.EqualTo((CacheItemKind.Packed, DiffId.Hex, true)));
            Assert.That(item.DiskBytes, Is.GreaterThanOrEqualTo(Tar.Length));
            Assert.That(inventory.Sweep(0, ct), Is.Empty);
        }

        leases.Release();
        Assert.That(inventory.Sweep(0, ct).Single().Kind, Is.EqualTo(CacheItemKind.Packed));
        Assert.That(Directory.Exists(layer.Directory), Is.False);
    }

    [Test]
    public async Task A_layer_in_a_shared_root_is_used_where_it_lies(CancellationToken ct)
    {
        PackedStore shared = NewStore();
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(Tar);
        await shared.EnsureAsync(descriptor, DiffId, blobs, ct);
        PackedStore own = new(NewStore().Cache, TimeProvider.System) { SharedRoots = [shared.Cache.Path] };

        PackedLayer found = await own.EnsureAsync(descriptor, DiffId, blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((found.WasCached, found.SharedRoot, blobs.Opened), Is.EqualTo((true, shared.Cache.Path, 1)));
            Assert.That(PackedStore.FindCached(own.Cache, [DiffId]), Is.Empty);
            Assert.That(PackedStore.FindCached(own.Cache, [DiffId], [shared.Cache.Path]), Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task The_verifier_finds_what_was_changed(CancellationToken ct)
    {
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        PackedLayer layer = await store.EnsureAsync(blobs.Add(Tar), DiffId, blobs, ct);
        Change(layer.Directory + "/data", 100_000);

        Assert.That(new PackedVerifier(layer.Directory).Verify(ct), Has.Length.EqualTo(1).And.One.Contains("digest"));
    }

    [Test]
    public async Task Layers_make_a_root_and_a_layer_that_stands_there_twice_has_one_source(CancellationToken ct)
    {
        PackedStore store = NewStore();
        var blobs = new FakeBlobs();
        byte[] removing = new TarBuilder().Whiteout("d").File("new", "n").Build();
        PackedLayer below = await store.EnsureAsync(blobs.Add(Tar), DiffId, blobs, ct);
        PackedLayer above = await store.EnsureAsync(blobs.Add(removing), Digest.Of(removing), blobs, ct);

        using ServedRoot root = PackedRoot.Make(Digest.Of("i"u8), [below, above, below]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(root.Sources, Has.Length.EqualTo(2));
            Assert.That(NodeListing.Of(root.Table, node => Tables.Content(root, node)).Select(line => line[..Math.Min(line.Length, 20)]), Is.EqualTo(new[] { "big 644 bbbbbbbbbbbb", "d/ 755", "d/f 644 content", "new 644 n" }));
        }
    }

    internal static PackedStore NewStore() => new(LayerStoreTests.NewCache(), TimeProvider.System);

    private static string[] List(PackedLayer layer)
    {
        using ServedRoot root = PackedRoot.Make(Digest.Of("i"u8), [layer]);
        return NodeListing.Of(root.Table, node => Tables.Content(root, node));
    }

    private static void Change(string path, int at)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private static TestCaseData Case(string name, Action<string> damage) => new TestCaseData(damage).SetArgDisplayNames(name);
}
