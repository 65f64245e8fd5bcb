using GridWrapper.Commands;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Tests.Documentation;

namespace GridWrapper.Tests.Layers;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class CacheInventoryTests
{
    /// <summary>Three layers of 100 kB each, in the order of their last use.</summary>
    private static async Task<(CacheDirectory Cache, Digest[] Layers)> FillAsync(CacheLeases? leases, CancellationToken ct)
    {
        var cache = new CacheDirectory(TreeListing.NewDirectory());
        cache.Prepare();
        var layers = new Digest[3];
        for (int i = 0; i < layers.Length; i++)
        {
            byte[] tar = new TarBuilder().Dir("d").File("d/f", new string((char)('a' + i), 100_000)).Symlink("d/l", "f").HardLink("d/h", "d/f").Whiteout("gone")
                .Pax(("GNU.sparse.major", "0"), ("GNU.sparse.minor", "1"), ("GNU.sparse.name", "d/s"), ("GNU.sparse.size", "100000"), ("GNU.sparse.map", "5,3,90000,4")).File("d/s", "abcdefg").Build();
            layers[i] = Digest.Of(tar);
            var blobs = new FakeBlobs();
            await new LayerStore(cache, TimeProvider.System, leases).EnsureAsync(blobs.Add(tar), layers[i], blobs, ct);
            Directory.SetLastWriteTimeUtc(cache.LayerDirectory(layers[i]), new DateTime(2026, 1, 1 + i, 0, 0, 0, DateTimeKind.Utc));
        }

        return (cache, layers);
    }

    [Test]
    public async Task What_was_used_longest_ago_goes_first(CancellationToken ct)
    {
        (CacheDirectory cache, Digest[] layers) = await FillAsync(null, ct);
        var inventory = new CacheInventory(cache, TimeProvider.System);
        long all = inventory.List().Sum(item => item.DiskBytes);

        ImmutableArray<CacheItem> removed = inventory.Sweep(all - 1, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(all, Is.InRange(300_000, 400_000));
            Assert.That(removed.Select(item => item.Name), Is.EqualTo(new[] { layers[0].Hex }));
            Assert.That(LayerStore.FindCached(cache, layers), Is.EquivalentTo(layers[1..]));
            Assert.That(Directory.GetFileSystemEntries(cache.Store + "/tmp"), Is.Empty);
        }
    }

    [Test]
    public async Task What_is_leased_stays(CancellationToken ct)
    {
        var leases = new CacheLeases(TimeProvider.System);
        (CacheDirectory cache, Digest[] layers) = await FillAsync(leases, ct);
        var inventory = new CacheInventory(cache, TimeProvider.System);

        ImmutableArray<CacheItem> whileInUse = inventory.Sweep(0, ct);
        bool listed = inventory.List().All(item => item.InUse);
        leases.Release();
        ImmutableArray<CacheItem> afterwards = inventory.Sweep(0, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(whileInUse, Is.Empty);
            Assert.That(listed, Is.True);
            Assert.That(afterwards, Has.Length.EqualTo(layers.Length));
        }
    }

    [Test]
    public async Task Leftovers_of_killed_processes_go_and_work_in_progress_stays(CancellationToken ct)
    {
        (CacheDirectory cache, _) = await FillAsync(null, ct);
        Directory.CreateDirectory(cache.Temporary("layer-killed") + "/tree");
        Directory.CreateDirectory(cache.Temporary("probe-1-x"));
        Directory.CreateDirectory(cache.Temporary("layer-running") + "/tree");
        using FileLock running = await FileLock.AcquireAsync(cache.Lock("layer-running"), TimeSpan.FromSeconds(1), TimeProvider.System, ct);

        new CacheInventory(cache, TimeProvider.System).Sweep(long.MaxValue, ct);

        Assert.That(Directory.GetDirectories(cache.Store + "/tmp").Select(Path.GetFileName), Is.EqualTo(new[] { "layer-running" }));
    }

    private static IEnumerable<TestCaseData> Damages()
    {
        static TestCaseData Case(string name, string fault, Action<string> damage) => new TestCaseData(fault, damage).SetName("Damage_" + name);
        yield return Case("content", "other content", tree =>
        {
            DateTime time = File.GetLastWriteTimeUtc(tree + "/d/f");
            using (FileStream file = File.OpenWrite(tree + "/d/f"))
            {
                file.Position = 50_000;
                file.WriteByte(0);
            }

            File.SetLastWriteTimeUtc(tree + "/d/f", time);
        });
        yield return Case("size", "type, mode, size or time", tree => File.AppendAllText(tree + "/d/f", "x"));
        yield return Case("missing", "is missing", tree => File.Delete(tree + "/d/h"));
        yield return Case("stranger", "was not in the layer", tree => File.WriteAllText(tree + "/d/new", ""));
        yield return Case("link", "leads elsewhere", tree =>
        {
            File.Delete(tree + "/d/l");
            File.CreateSymbolicLink(tree + "/d/l", "g");
        });
        yield return Case("sparse", "other content", tree =>
        {
            DateTime time = File.GetLastWriteTimeUtc(tree + "/d/s");
            using (FileStream file = File.OpenWrite(tree + "/d/s"))
            {
                file.Position = 60_000;
                file.WriteByte(1);
            }

            File.SetLastWriteTimeUtc(tree + "/d/s", time);
        });
        yield return Case("other_index", "not an index", tree => File.WriteAllText(tree + "/../layer.index", "gridwrap-layer-index 99\n"));
        yield return Case("index", "not a line", tree => File.AppendAllText(tree + "/../layer.index", "nonsense\n"));
        yield return Case("no_index", "no index", tree => File.Delete(tree + "/../layer.index"));
    }

    [TestCaseSource(nameof(Damages))]
    public async Task Damage_is_found_by_reading_everything_again(string fault, Action<string> damage, CancellationToken ct)
    {
        (CacheDirectory cache, Digest[] layers) = await FillAsync(null, ct);
        ImmutableArray<string> before = new LayerVerifier(cache.LayerDirectory(layers[1])).Verify(ct);

        damage(cache.LayerTree(layers[1]));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(before, Is.Empty);
            Assert.That(new LayerVerifier(cache.LayerDirectory(layers[1])).Verify(ct), Has.Some.Contains(fault));
            Assert.That(new LayerVerifier(cache.LayerDirectory(layers[2])).Verify(ct), Is.Empty);
        }
    }

    [Test]
    public async Task The_documents_of_the_cache_command_are_on_schema(CancellationToken ct)
    {
        (CacheDirectory cache, _) = await FillAsync(null, ct);

        Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/cache.schema.json", CacheCommand.Document(cache.Path, new CacheInventory(cache, TimeProvider.System).List()).ToString()), Is.Empty);
    }
}
