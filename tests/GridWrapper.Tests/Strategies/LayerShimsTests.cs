using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Probing;
using GridWrapper.Strategies;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Strategies;

/// <summary>The directories that correct layers of CVMFS are things of the cache like any other: counted, held by leases, collected.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LayerShimsTests
{
    private static readonly HybridPart.InCvmfs Part = new(
        new Descriptor(MediaTypes.OciLayerGzip, Digest.Of("blob"u8), 5),
        new CvmfsLayer("unpacked.cern.ch", "/cvmfs/unpacked.cern.ch/.layers/aa/aa/layerfs", null));

    private static readonly Dictionary<string, string> Walk = new() { ["w.0"] = "data/gone", ["m.0"] = "data/.wh.gone", ["d.0"] = "755 1000000000 0 data", ["t.0"] = "data", ["entries"] = "3" };

    [Test]
    public void They_are_listed_with_their_size_and_removed_only_when_nobody_uses_them()
    {
        CacheDirectory cache = LayerStoreTests.NewCache();
        var inventory = new CacheInventory(cache, TimeProvider.System);
        var leases = new CacheLeases(TimeProvider.System);
        new LayerShims(cache, leases).Make(Part, Walk);
        new LayerShims(cache, leases).MaskOfChain(Digest.Of("chain"u8), 0x1ED);

        CacheItem[] listed = [.. inventory.List()];
        ImmutableArray<CacheItem> whileInUse = inventory.Sweep(0, CancellationToken.None);
        bool found = new LayerShims(cache).Find(Part) is not null;
        leases.Release();
        ImmutableArray<CacheItem> afterwards = inventory.Sweep(0, CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(listed.Select(item => item.Kind), Is.All.EqualTo(CacheItemKind.Shim));
            Assert.That(listed, Has.Length.EqualTo(2));
            Assert.That(listed.Select(item => item.DiskBytes), Is.All.InRange(8192, 40960));
            Assert.That(listed.Select(item => item.InUse), Is.All.True);
            Assert.That(whileInUse, Is.Empty);
            Assert.That(found, Is.True);
            Assert.That(afterwards, Has.Length.EqualTo(2));
            Assert.That(new LayerShims(cache).Find(Part), Is.Null);
            Assert.That(Directory.GetFileSystemEntries(cache.Store + "/tmp"), Is.Empty);
        }
    }

    [Test]
    public async Task Many_who_make_the_same_while_it_is_collected_all_hold_it_in_the_end(CancellationToken ct)
    {
        CacheDirectory cache = LayerStoreTests.NewCache();
        var inventory = new CacheInventory(cache, TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var collecting = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                inventory.Sweep(0, CancellationToken.None);
            }
        }, CancellationToken.None);
        for (int round = 0; round < 30; round++)
        {
            CacheLeases[] jobs = [.. Enumerable.Range(0, 4).Select(_ => new CacheLeases(TimeProvider.System))];
            await Task.WhenAll(jobs.Select(leases => Task.Run(() => Use(new LayerShims(cache, leases)), ct)));
            Assert.That(File.Exists(LayerShims.Mask(cache, Part) + "/../walk"), Is.True, $"round {round}");
            Array.ForEach(jobs, leases => leases.Release());
        }

        await stop.CancelAsync();
        await collecting;
    }

    private static void Use(LayerShims shims)
    {
        if (shims.Find(Part) is null)
        {
            shims.Make(Part, Walk);
        }
    }
}
