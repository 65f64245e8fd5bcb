using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>Packed layers that are kept as the gzip blobs they came in.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class CompressedStoreTests
{
    private static readonly byte[] Tar = new TarBuilder().Dir("d").File("d/f", "content").File("big", new string('b', 3_000_000)).HardLink("same", "d/f").Build();
    private static readonly Digest DiffId = Digest.Of(Tar);
    private static readonly byte[] Blob = GzipMembers.Member(Tar, 2, 8);
    private static readonly NodeZlib NoZlib = new(null, "this node has no libz.so.1");

    [Test]
    public async Task A_layer_is_kept_as_it_came_and_reads_like_an_inflated_one(CancellationToken ct)
    {
        PackedStore store = NewStore(KeptAs.Compressed);
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(Blob);
        PackedLayer first = await store.EnsureAsync(descriptor, DiffId, blobs, ct);
        PackedLayer second = await store.EnsureAsync(descriptor, DiffId, blobs, ct);
        PackedLayer inflated = await NewStore(KeptAs.Inflated).EnsureAsync(descriptor, DiffId, blobs, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((first.WasCached, second.WasCached, blobs.Opened), Is.EqualTo((false, true, 2)));
            Assert.That(File.ReadAllBytes(second.Directory + "/blob"), Is.EqualTo(Blob));
            Assert.That(Directory.GetFiles(second.Directory).Select(Path.GetFileName), Is.EquivalentTo(new[] { "blob", "entry" }), "nothing that a version without them takes for its own");
            Assert.That(List(second), Is.EqualTo(List(inflated)).And.EqualTo(List(first)));
            Assert.That(PackedStore.FindCached(store.Cache, [DiffId]), Has.Count.EqualTo(1));
            Assert.That(new PackedVerifier(second.Directory).Verify(ct), Is.Empty);
            Assert.That(Directory.GetFileSystemEntries(store.Cache.Store + "/tmp"), Is.Empty);
        }
    }

    [Test]
    public async Task What_is_there_in_the_other_form_is_used_as_it_is(CancellationToken ct)
    {
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(Blob);
        PackedStore compressed = NewStore(KeptAs.Compressed);
        await compressed.EnsureAsync(descriptor, DiffId, blobs, ct);
        PackedStore inflated = NewStore(KeptAs.Inflated);
        await inflated.EnsureAsync(descriptor, DiffId, blobs, ct);

        PackedLayer one = await new PackedStore(compressed.Cache, TimeProvider.System) { Form = KeptAs.Inflated }.EnsureAsync(descriptor, DiffId, blobs, ct);
        PackedLayer other = await new PackedStore(inflated.Cache, TimeProvider.System) { Form = KeptAs.Compressed }.EnsureAsync(descriptor, DiffId, blobs, ct);

        Assert.That((one.Checkpoints is null, other.Checkpoints is null, blobs.Opened), Is.EqualTo((false, true, 2)));
    }

    [Test]
    public async Task Blobs_that_are_not_gzip_stay_inflated_beside_others(CancellationToken ct)
    {
        PackedStore store = NewStore(KeptAs.Compressed);
        var blobs = new FakeBlobs();
        byte[] plain = new TarBuilder().File("plain", "p").Build();
        ImageLayer[] layers = [new(blobs.Add(Blob), DiffId), new(blobs.Add(plain), Digest.Of(plain))];
        IReadOnlyDictionary<Digest, PackedLayer> made = await store.EnsureAllAsync(layers, blobs, ct);
        using ServedRoot root = PackedRoot.Make(Digest.Of("i"u8), layers.Select(layer => made[layer.DiffId]));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Directory.GetFiles(made[Digest.Of(plain)].Directory).Select(Path.GetFileName), Is.EquivalentTo(new[] { "data", "index" }));
            Assert.That(NodeListing.Of(root.Table, node => Tables.Content(root, node)).Select(line => line[..Math.Min(line.Length, 20)]), Is.EqualTo(new[] { "big 644 bbbbbbbbbbbb", "d/ 755", "d/f 644 content", "plain 644 p", "same 644 content" }));
        }
    }

    [Test]
    public async Task A_node_without_zlib_refuses_by_name_and_makes_what_it_finds_anew(CancellationToken ct)
    {
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(Blob);
        PackedStore store = NewStore(KeptAs.Compressed);
        await store.EnsureAsync(descriptor, DiffId, blobs, ct);

        GridWrapperException refusal = Assert.ThrowsAsync<GridWrapperException>(() => new PackedStore(LayerStoreTests.NewCache(), TimeProvider.System) { Form = KeptAs.Compressed, Zlib = () => NoZlib }.EnsureAsync(descriptor, DiffId, blobs, ct))!;
        bool seen = PackedStore.FindCached(store.Cache, [DiffId], zlib: () => NoZlib).IsEmpty;
        PackedLayer anew = await new PackedStore(store.Cache, TimeProvider.System) { Zlib = () => NoZlib }.EnsureAsync(descriptor, DiffId, blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(refusal.Message, Does.Contain("serving.keep").And.Contain("this node has no libz.so.1").And.Contain("zlib1g"));
            Assert.That(refusal.Failure.Blame, Is.EqualTo(Blame.Site));
            Assert.That((seen, anew.WasCached, anew.Checkpoints is null), Is.EqualTo((true, false, true)));
            Assert.That(List(anew), Has.Member("d/f 644 content"));
        }
    }

    [TestCase(KeptAs.InflatedWhileItFits, true)]
    [TestCase(KeptAs.Inflated, false)]
    public async Task A_disk_that_ran_full_makes_the_rest_compressed_where_the_profile_lets_it(KeptAs form, bool compressed, CancellationToken ct)
    {
        int sent = 0;
        var blobs = new FakeBlobs { Send = bytes => sent++ == 0 ? throw new LinuxException("pwrite", "data", Errno.ENOSPC) : new MemoryStream(bytes) };
        ImageLayer[] layers = [new(blobs.Add(Blob), DiffId)];
        PackedStore store = NewStore(form);
        if (compressed)
        {
            Assert.That((await store.EnsureAllAsync(layers, blobs, ct))[DiffId].Checkpoints, Is.Not.Null);
        }
        else
        {
            GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => store.EnsureAllAsync(layers, blobs, ct))!;
            Assert.That(fault.Failure.PilotErrorCode, Is.EqualTo(PilotError.NoLocalSpace));
        }
    }

    private static IEnumerable<TestCaseData> Damage()
    {
        yield return Case("blob_cut", d => File.WriteAllBytes(d + "/blob", Blob[..^1]));
        yield return Case("blob_gone", d => File.Delete(d + "/blob"));
        yield return Case("entry_cut", d => File.WriteAllBytes(d + "/entry", File.ReadAllBytes(d + "/entry")[..^1]));
        yield return Case("entry_without_the_tree", d => File.WriteAllBytes(d + "/entry", File.ReadAllBytes(d + "/entry")[..Split(d)]));
        yield return Case("entry_gone", d => File.Delete(d + "/entry"));
        yield return Case("checkpoints_changed", d => Change(d + "/entry", Split(d) - 60));
        yield return Case("tree_changed", d => Change(d + "/entry", Split(d) + 200));
        yield return Case("place_of_the_tree_changed", d => Change(d + "/entry", (int)new FileInfo(d + "/entry").Length - 8));
        yield return Case("place_of_the_tree_outside", d => Change(d + "/entry", (int)new FileInfo(d + "/entry").Length - 2));
    }

    [TestCaseSource(nameof(Damage))]
    public async Task A_damaged_layer_is_made_anew(Action<string> damage, CancellationToken ct)
    {
        PackedStore store = NewStore(KeptAs.Compressed);
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(Blob);
        string directory = (await store.EnsureAsync(descriptor, DiffId, blobs, ct)).Directory;
        damage(directory);
        ImmutableArray<string> faults = new PackedVerifier(directory).Verify(ct);

        PackedLayer again = await store.EnsureAsync(descriptor, DiffId, blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(faults, Has.Length.EqualTo(1));
            Assert.That(again.WasCached, Is.False);
            Assert.That(List(again), Has.Member("d/f 644 content"));
            Assert.That(new PackedVerifier(again.Directory).Verify(ct), Is.Empty);
        }
    }

    [Test]
    public async Task The_verifier_finds_what_was_changed_in_blob_and_windows(CancellationToken ct)
    {
        PackedStore store = NewStore(KeptAs.Compressed);
        var blobs = new FakeBlobs();
        byte[] tar = new TarBuilder().File("big", Encoding.Latin1.GetString(GzipMembers.Content(new Random(1), 4_000_000))).Build();
        byte[] blob = GzipMembers.Member(tar, 2, 0);
        string directory = (await store.EnsureAsync(blobs.Add(blob), Digest.Of(tar), blobs, ct)).Directory;
        Change(directory + "/entry", 10);
        ImmutableArray<string> window = new PackedVerifier(directory).Verify(ct);
        Change(directory + "/entry", 10);
        Change(directory + "/blob", blob.Length / 2);
        ImmutableArray<string> content = new PackedVerifier(directory).Verify(ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(window, Has.Length.EqualTo(1).And.One.Contains("the checkpoint at"));
            Assert.That(content, Has.Length.EqualTo(1).And.One.Contains("its blob has the digest").And.One.Contains($"instead of {Digest.Of(blob)}"));
        }
    }

    [Test]
    public void A_bad_layer_is_blamed_on_the_image_and_nothing_is_kept()
    {
        PackedStore store = NewStore(KeptAs.Compressed);
        var blobs = new FakeBlobs();
        byte[] damaged = [.. Blob];
        damaged[Blob.Length / 2] ^= 0x55;
        foreach (byte[] blob in (byte[][])[TarBuilder.Gzip(new TarBuilder().File("other").Build()), TarBuilder.Gzip(Tar)[..500], Blob[..^4], damaged, TarBuilder.Gzip(new TarBuilder().File("../x").Build())])
        {
            GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => store.EnsureAsync(blobs.Add(blob), DiffId, blobs, CancellationToken.None))!;
            Assert.That(fault.Failure.Blame, Is.EqualTo(Blame.Image), fault.Message);
        }

        Assert.That(Directory.GetFileSystemEntries(store.Cache.Store + "/tmp"), Is.Empty);
    }

    [Test]
    public async Task The_inventory_counts_and_removes_them(CancellationToken ct)
    {
        PackedStore store = NewStore(KeptAs.Compressed);
        var blobs = new FakeBlobs();
        await store.EnsureAsync(blobs.Add(Blob), DiffId, blobs, ct);
        CacheInventory inventory = new(store.Cache, TimeProvider.System);
        CacheItem item = inventory.List().Single();
        Assert.That((item.Kind, item.Name, item.DiskBytes >= Blob.Length, item.DiskBytes < Tar.Length), Is.EqualTo((CacheItemKind.Packed, DiffId.Hex, true, true)));
        Assert.That(inventory.Sweep(0, ct), Has.Length.EqualTo(1));
    }

    private static PackedStore NewStore(KeptAs form) => new(LayerStoreTests.NewCache(), TimeProvider.System) { Form = form };

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

    /// <summary>Where the tree begins behind the checkpoints.</summary>
    private static int Split(string directory) => (int)BitConverter.ToInt64(File.ReadAllBytes(directory + "/entry").AsSpan()[^sizeof(long)..]);

    private static TestCaseData Case(string name, Action<string> damage) => new TestCaseData(damage).SetArgDisplayNames(name);
}
