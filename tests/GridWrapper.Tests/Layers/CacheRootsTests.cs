using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Tests.Layers;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class CacheRootsTests
{
    private const UnixFileMode Open = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupWrite;
    private static readonly byte[] Base = new TarBuilder().Dir("bin").File("bin/sh", "shell").Dir("old").File("old/f").Build();
    private static readonly byte[] Top = new TarBuilder().Whiteout("old/f").Dir("new").Opaque("new").Symlink("new/l", "../bin/sh").Build();
    private static readonly Digest BaseId = Digest.Of(Base);
    private static readonly Digest TopId = Digest.Of(Top);
    private static readonly ImageConfig Config = new() { Platform = new Platform("linux", "amd64"), DiffIds = [BaseId, TopId] };

    private static async Task<CacheDirectory> FilledAsync(CancellationToken ct, params byte[][] tars)
    {
        CacheDirectory cache = LayerStoreTests.NewCache();
        var blobs = new FakeBlobs();
        foreach (byte[] tar in tars)
        {
            await new LayerStore(cache, TimeProvider.System).EnsureAsync(blobs.Add(tar), Digest.Of(tar), blobs, ct);
        }

        return cache;
    }

    [Test]
    public async Task What_a_shared_root_has_is_used_there_and_only_the_rest_is_fetched(CancellationToken ct)
    {
        CacheDirectory shared = await FilledAsync(ct, Top);
        CacheDirectory own = LayerStoreTests.NewCache();
        var leases = new CacheLeases(TimeProvider.System);
        var blobs = new FakeBlobs();
        ImageLayer[] layers = [new(blobs.Add(Base), BaseId), new(blobs.Add(Top), TopId)];

        IReadOnlyDictionary<Digest, SharedLayer> found = CacheRoots.Find(["/nowhere", shared.Path], Config)!;
        IReadOnlyDictionary<Digest, StoredLayer> made = await new LayerStore(own, TimeProvider.System, leases) { Shared = found }.EnsureAllAsync(layers, blobs, ct);
        (ImmutableArray<string> directories, string refusal) = LayerStack.Build(own, BaseId, [made[TopId], made[BaseId]]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Keys, Is.EqualTo(new[] { TopId }));
            Assert.That(found[TopId], Is.EqualTo(new SharedLayer(shared.Path, 0)));
            Assert.That(blobs.Opened, Is.EqualTo(1));
            Assert.That((made[TopId].Tree, made[TopId].SharedRoot, made[TopId].WasCached), Is.EqualTo((shared.LayerTree(TopId), shared.Path, true)));
            Assert.That((made[BaseId].SharedRoot, made[BaseId].WasCached), Is.EqualTo(((string?)null, false)));
            Assert.That(refusal, Is.Empty);
            Assert.That(directories[0], Is.EqualTo(shared.LayerTree(TopId)));
            Assert.That(new CacheInventory(shared, TimeProvider.System).Sweep(0, ct), Is.Empty, "the owner's clean-up under this kernel respects the lease");
        }
    }

    [Test]
    public async Task A_layer_that_vanished_since_the_survey_is_fetched(CancellationToken ct)
    {
        CacheDirectory shared = await FilledAsync(ct, Base);
        IReadOnlyDictionary<Digest, SharedLayer> found = CacheRoots.Find([shared.Path], Config)!;
        Directory.Delete(shared.LayerDirectory(BaseId), recursive: true);
        var blobs = new FakeBlobs();

        IReadOnlyDictionary<Digest, StoredLayer> made = await new LayerStore(LayerStoreTests.NewCache(), TimeProvider.System) { Shared = found }.EnsureAllAsync([new ImageLayer(blobs.Add(Base), BaseId)], blobs, ct);

        Assert.That(made[BaseId].SharedRoot, Is.Null);
    }

    [TestCase("")]
    [TestCase("store-1")]
    [TestCase("store-1/layers/sha256")]
    public async Task A_root_into_which_others_can_write_is_not_used(string part, CancellationToken ct)
    {
        CacheDirectory shared = await FilledAsync(ct, Base);
        File.SetUnixFileMode(Path.Combine(shared.Path, part), Open);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(CacheRoots.IsTrusted(shared.Path), Is.False);
            Assert.That(CacheRoots.Find([shared.Path], Config), Is.Null);
            Assert.That(CacheInventory.ListShared(shared.Path), Is.Empty);
        }
    }

    [Test]
    public async Task Marks_that_the_file_system_does_not_show_make_a_layer_unfit_for_stacking(CancellationToken ct)
    {
        CacheDirectory shared = await FilledAsync(ct, Top);
        LayerIndex index = LayerRecordFile.Read(shared.LayerRecord(TopId));
        bool before = CacheRoots.ShowsMarks(shared.LayerTree(TopId), index);
        File.Delete(shared.LayerTree(TopId) + "/old/f");

        Assert.That((before, CacheRoots.ShowsMarks(shared.LayerTree(TopId), index)), Is.EqualTo((true, false)));
    }

    [Test]
    public void The_first_root_in_which_a_cache_can_be_is_the_one_that_is_written()
    {
        string mine = TreeListing.NewDirectory();
        string file = Path.Combine(mine, "file");
        File.WriteAllText(file, "");
        string open = Directory.CreateDirectory(Path.Combine(mine, "open")).FullName;
        File.SetUnixFileMode(open, Open);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(CacheRoots.FirstWritable([file, file + "/below", open, Path.Combine(mine, "deep/er"), mine]), Is.EqualTo(Path.Combine(mine, "deep/er")));
            Assert.That(CacheRoots.FirstWritable([file, open]), Is.Null);
            Assert.That(Directory.Exists(Path.Combine(mine, "deep")), Is.False, "looking makes nothing");
        }
    }

    [Test]
    public async Task What_only_the_owner_can_read_is_counted_from_the_index(CancellationToken ct)
    {
        byte[] tar = new TarBuilder().Dir("root", 0x1C0).File("root/x").Dir("etc").File("etc/shadow", "x", 0x1A0).File("etc/hosts", "y").Build();
        CacheDirectory shared = await FilledAsync(ct, tar);

        Assert.That(ClosedEntries.Of(shared.LayerIndexFile(Digest.Of(tar))), Is.EquivalentTo(new[] { "root", "etc/shadow" }));
    }
}
