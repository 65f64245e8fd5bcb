using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Tests.Layers;

/// <summary>Versions of the program whose stores have different forms share a cache directory: each sees its own store only.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class CacheLayoutTests
{
    private static readonly byte[] Tar = new TarBuilder().File("f", "content").Build();
    private static readonly Digest DiffId = Digest.Of(Tar);

    [TestCase(CacheDirectory.CurrentLayout - 1)]
    [TestCase(CacheDirectory.CurrentLayout + 1)]
    public async Task Another_layout_is_neither_read_nor_changed(int other, CancellationToken ct)
    {
        var theirs = new CacheDirectory(TreeListing.NewDirectory()) { Layout = other };
        var ours = new CacheDirectory(theirs.Path);
        theirs.Prepare();
        var blobs = new FakeBlobs();
        Descriptor blob = blobs.Add(Tar);
        await new LayerStore(theirs, TimeProvider.System).EnsureAsync(blob, DiffId, blobs, ct);
        Directory.CreateDirectory(theirs.Temporary("layer-half") + "/tree");
        string[] before = Everything(theirs.Store);
        ours.Prepare();

        StoredLayer layer = await new LayerStore(ours, TimeProvider.System).EnsureAsync(blob, DiffId, blobs, ct);
        ImmutableArray<CacheItem> removed = new CacheInventory(ours, TimeProvider.System).Sweep(0, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(layer.WasCached, Is.False);
            Assert.That(removed.Select(item => item.Name), Is.EqualTo(new[] { DiffId.Hex }));
            Assert.That(Everything(theirs.Store), Is.EqualTo(before));
            Assert.That(LayerStore.Has(theirs, DiffId), Is.True);
            Assert.That(ours.OtherStores(), Is.EqualTo(new[] { Path.GetFileName(theirs.Store) }));
            Assert.That(theirs.OtherStores(), Is.EqualTo(new[] { Path.GetFileName(ours.Store) }));
        }
    }

    /// <summary>A store of this number holds what this program writes; a record or an index of another number there is damage, and the layer is made again beside whoever uses it.</summary>
    [TestCase("layer.json", """{"version": 99}""")]
    [TestCase("layer.json", """{"version": 0}""")]
    [TestCase("layer.json", "")]
    public async Task A_layer_that_is_none_is_replaced_and_stays_under_who_uses_it(string file, string content, CancellationToken ct)
    {
        var cache = new CacheDirectory(TreeListing.NewDirectory());
        cache.Prepare();
        var blobs = new FakeBlobs();
        Descriptor blob = blobs.Add(Tar);
        var user = new CacheLeases(TimeProvider.System);
        await new LayerStore(cache, TimeProvider.System, user).EnsureAsync(blob, DiffId, blobs, ct);
        File.WriteAllText($"{cache.LayerDirectory(DiffId)}/{file}", content);
        using Microsoft.Win32.SafeHandles.SafeFileHandle open = GridWrapper.Linux.At.OpenDirectory(cache.LayerTree(DiffId));

        StoredLayer layer = await new LayerStore(cache, TimeProvider.System).EnsureAsync(blob, DiffId, blobs, ct);
        ImmutableArray<string> faults = new LayerVerifier(cache.LayerDirectory(DiffId)).Verify(ct);
        List<byte[]> under = GridWrapper.Linux.At.Names(open);
        new CacheInventory(cache, TimeProvider.System).Sweep(long.MaxValue, ct);
        List<byte[]> still = GridWrapper.Linux.At.Names(open);
        user.Release();
        new CacheInventory(cache, TimeProvider.System).Sweep(long.MaxValue, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(layer.WasCached, Is.False);
            Assert.That(faults, Is.Empty);
            Assert.That(under, Has.Count.EqualTo(1));
            Assert.That(still, Has.Count.EqualTo(1));
            Assert.That(Directory.GetFileSystemEntries(cache.Store + "/tmp"), Is.Empty);
        }
    }

    [Test]
    public void The_store_and_what_lies_in_it_carry_one_number()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(new CacheDirectory("/c").LayerTree(DiffId), Is.EqualTo($"/c/store-{CacheDirectory.CurrentLayout}/layers/sha256/{DiffId.Hex}/tree"));
            Assert.That(LayerRecordFile.Version, Is.EqualTo(CacheDirectory.CurrentLayout));
            Assert.That(IndexLines.Header, Is.EqualTo($"gridwrap-layer-index {CacheDirectory.CurrentLayout}\n"));
        }
    }

    private static string[] Everything(string directory) =>
        [.. Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path => $"{path} {File.GetLastWriteTimeUtc(path):O}")];
}
