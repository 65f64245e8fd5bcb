using System.Diagnostics;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Tests.Layers;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LayerStoreTests
{
    private static readonly byte[] Tar = new TarBuilder().Dir("d").File("d/f", "content").Whiteout("d/gone").Build();
    private static readonly Digest DiffId = Digest.Of(Tar);

    private static IEnumerable<TestCaseData> Packings()
    {
        yield return new TestCaseData(Tar).SetName("Packing_plain");
        yield return new TestCaseData(TarBuilder.Gzip(Tar)).SetName("Packing_gzip");
        yield return new TestCaseData((byte[])[.. TarBuilder.Gzip(Tar[..700]), .. TarBuilder.Gzip(Tar[700..])]).SetName("Packing_gzip_of_two_members");
    }

    [TestCaseSource(nameof(Packings))]
    public async Task A_layer_is_fetched_once_and_then_found(byte[] blob, CancellationToken ct)
    {
        LayerStore store = NewStore();
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(blob);

        StoredLayer first = await store.EnsureAsync(descriptor, DiffId, blobs, ct);
        StoredLayer second = await store.EnsureAsync(descriptor, DiffId, blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TreeListing.Of(first.Tree), Is.EqualTo(new[] { "d/ 755", "d/f 644 content", "d/gone 0 whiteout" }));
            Assert.That(first.WasCached, Is.False);
            Assert.That(second.WasCached, Is.True);
            Assert.That(second.Index.Whiteouts, Is.EqualTo(first.Index.Whiteouts));
            Assert.That(blobs.Opened, Is.EqualTo(1));
            Assert.That(LayerStore.Has(store.Cache, DiffId), Is.True);
        }
    }

    [Test]
    public async Task Zstd_layers_are_unpacked_where_the_node_has_libzstd(CancellationToken ct)
    {
        Assume.That(File.Exists("/usr/bin/zstd"), "the program zstd is missing");
        string path = Path.Combine(TreeListing.NewDirectory(), "layer.tar");
        File.WriteAllBytes(path, Tar);
        using Process zstd = Process.Start("/usr/bin/zstd", ["-q", path]);
        await zstd.WaitForExitAsync(ct);
        LayerStore store = NewStore();
        var blobs = new FakeBlobs();

        StoredLayer layer = await store.EnsureAsync(blobs.Add(File.ReadAllBytes(path + ".zst")), DiffId, blobs, ct);

        Assert.That(TreeListing.Of(layer.Tree), Has.Member("d/f 644 content"));
    }

    /// <summary>Both digests are right, so the content is what the image's author made; what stands behind the end of the compressed data is none of it.</summary>
    [TestCase("zeros")]
    [TestCase("garbage")]
    public async Task What_stands_behind_the_end_of_gzip_is_not_part_of_the_layer(string kind, CancellationToken ct)
    {
        LayerStore store = NewStore();
        var blobs = new FakeBlobs();
        byte[] behind = kind == "zeros" ? new byte[700] : Encoding.ASCII.GetBytes(new string('g', 700));

        StoredLayer layer = await store.EnsureAsync(blobs.Add([.. TarBuilder.Gzip(Tar), .. behind]), DiffId, blobs, ct);

        Assert.That(TreeListing.Of(layer.Tree), Has.Member("d/f 644 content"));
    }

    private static IEnumerable<TestCaseData> Bad()
    {
        byte[] gzip = TarBuilder.Gzip(Tar);
        byte[] incompressible = new byte[4096];
        new Random(7).NextBytes(incompressible);
        yield return new TestCaseData(new TarBuilder().File("other").Build(), "diffID").SetName("Bad_diff_id");
        yield return new TestCaseData((byte[])[0x1F, 0x8B, .. incompressible], "").SetName("Bad_gzip_garbage");
        yield return new TestCaseData(gzip[..(gzip.Length / 2)], "").SetName("Bad_gzip_truncated");
        yield return new TestCaseData(Tar[..600], "").SetName("Bad_tar_truncated");
        yield return new TestCaseData(incompressible, "tar").SetName("Bad_no_tar_at_all");
        yield return new TestCaseData((byte[])[0x28, 0xB5, 0x2F, 0xFD, .. incompressible], "zstd").SetName("Bad_zstd_garbage");
        yield return new TestCaseData(new TarBuilder().File("../x").Build(), "..").SetName("Bad_hostile_entry");
    }

    [TestCaseSource(nameof(Bad))]
    public void A_bad_layer_is_blamed_on_the_image_and_nothing_is_kept(byte[] blob, string reason)
    {
        LayerStore store = NewStore();
        var blobs = new FakeBlobs();
        Descriptor descriptor = blobs.Add(blob);

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => store.EnsureAsync(descriptor, DiffId, blobs, CancellationToken.None))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(Blame.Image));
            Assert.That(fault.Message, Does.Contain(descriptor.Digest.ToString()).And.Contain(reason));
            AssertNothingKept(store);
        }
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return new TestCaseData((Func<byte[], Stream>)(b => new MemoryStream(b[..^1])), "only").SetName("Wrong_short");
        yield return new TestCaseData((Func<byte[], Stream>)(b => new MemoryStream([.. b, 0])), "more than").SetName("Wrong_long");
        yield return new TestCaseData((Func<byte[], Stream>)(b => new MemoryStream([.. b.Select((x, i) => i == 900 ? (byte)(x ^ 1) : x)])), "digest").SetName("Wrong_bit");
    }

    /// <summary>Damaged bytes break the unpacking too; what is reported must still be the damage.</summary>
    [TestCaseSource(nameof(Wrong))]
    public void Wrong_bytes_are_told_apart_from_a_bad_layer(Func<byte[], Stream> send, string reason)
    {
        foreach (byte[] blob in new[] { Tar, TarBuilder.Gzip(new TarBuilder().File("r", string.Concat(Enumerable.Range(0, 9000).Select(i => i * 7919))).Build()) })
        {
            LayerStore store = NewStore();
            var blobs = new FakeBlobs { Send = send };
            Descriptor descriptor = blobs.Add(blob);

            Assert.That(() => store.EnsureAsync(descriptor, DiffId, blobs, CancellationToken.None), Throws.TypeOf<FakeBlobs.WrongBytesException>().With.Message.Contains(reason));
            AssertNothingKept(store);
        }
    }

    [Test]
    public async Task A_broken_transfer_is_repeated_from_the_start(CancellationToken ct)
    {
        int tries = 0;
        LayerStore store = NewStore();
        var blobs = new FakeBlobs { Send = b => ++tries == 1 ? new BreakingStream(b, 700) : new MemoryStream(b) };

        StoredLayer layer = await store.EnsureAsync(blobs.Add(Tar), DiffId, blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(tries, Is.EqualTo(2));
            Assert.That(TreeListing.Of(layer.Tree), Has.Member("d/f 644 content"));
        }
    }

    [Test]
    public async Task What_a_killed_process_left_is_removed_and_made_anew(CancellationToken ct)
    {
        LayerStore store = NewStore();
        string left = store.Cache.Temporary("layer-" + DiffId.Hex);
        Directory.CreateDirectory(left + "/tree/d");
        File.WriteAllText(left + "/tree/stale", "half");
        Directory.CreateDirectory(store.Cache.LayerDirectory(DiffId) + "/tree"); // no record: not a layer
        var blobs = new FakeBlobs();

        StoredLayer layer = await store.EnsureAsync(blobs.Add(Tar), DiffId, blobs, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(TreeListing.Of(layer.Tree), Has.None.Contain("stale"));
            Assert.That(Directory.Exists(left), Is.False);
        }
    }

    [Test]
    public async Task A_record_of_another_version_makes_the_layer_anew(CancellationToken ct)
    {
        LayerStore store = NewStore();
        var blobs = new FakeBlobs();
        Descriptor blob = blobs.Add(Tar);
        await store.EnsureAsync(blob, DiffId, blobs, ct);
        File.WriteAllText(store.Cache.LayerRecord(DiffId), """{"version": 99}""");

        StoredLayer layer = await store.EnsureAsync(blob, DiffId, blobs, ct);

        Assert.That(layer.WasCached, Is.False);
    }

    [Test]
    public async Task Many_who_want_the_same_layer_fetch_it_once(CancellationToken ct)
    {
        CacheDirectory cache = NewCache();
        var blobs = new FakeBlobs();
        Descriptor blob = blobs.Add(TarBuilder.Gzip(Tar));

        StoredLayer[] layers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => new LayerStore(cache, TimeProvider.System).EnsureAsync(blob, DiffId, blobs, ct), ct)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(blobs.Opened, Is.EqualTo(1));
            Assert.That(layers.Count(l => !l.WasCached), Is.EqualTo(1));
        }
    }

    [Test]
    public async Task Of_several_jobs_with_the_same_image_one_brings_all_layers(CancellationToken ct)
    {
        CacheDirectory cache = NewCache();
        var blobs = new FakeBlobs { Send = bytes => new SlowStream(bytes) };
        ImageLayer[] image = [.. Enumerable.Range(0, 6).Select(n => new TarBuilder().File($"f{n}", "x").Build()).Select(tar => new ImageLayer(blobs.Add(TarBuilder.Gzip(tar)), Digest.Of(tar)))];

        IReadOnlyDictionary<Digest, StoredLayer>[] jobs = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => Task.Run(() => new LayerStore(cache, TimeProvider.System).EnsureAllAsync(image, blobs, ct), ct)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(blobs.Opened, Is.EqualTo(6));
            Assert.That(jobs.Select(job => job.Values.Count(layer => !layer.WasCached)), Is.EquivalentTo(new[] { 6, 0, 0, 0, 0, 0, 0, 0 }));
        }
    }

    /// <summary>Takes long enough for the other jobs to come.</summary>
    private sealed class SlowStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer)
        {
            Thread.Sleep(20);
            return base.Read(buffer);
        }
    }

    [Test]
    public void A_cancelled_import_leaves_nothing()
    {
        LayerStore store = NewStore();
        using var stop = new CancellationTokenSource();
        var blobs = new FakeBlobs { Send = b => new BreakingStream(b, 700) { Broken = stop.Cancel } };
        Descriptor blob = blobs.Add(Tar);

        Assert.That(() => store.EnsureAsync(blob, DiffId, blobs, stop.Token), Throws.InstanceOf<OperationCanceledException>());
        AssertNothingKept(store);
    }

    [Test]
    public void A_cache_that_others_can_write_is_refused()
    {
        string path = TreeListing.NewDirectory();
        using (Microsoft.Win32.SafeHandles.SafeFileHandle directory = GridWrapper.Linux.At.OpenDirectory(path))
        {
            GridWrapper.Linux.Libc.ChangeMode(directory, 0x1FF);
        }

        Assert.That(() => new CacheDirectory(path).Prepare(), Throws.TypeOf<GridWrapperException>().With.Message.Contains("writable by nobody else"));
    }

    internal static CacheDirectory NewCache()
    {
        var cache = new CacheDirectory(TreeListing.NewDirectory() + "/cache");
        cache.Prepare();
        return cache;
    }

    private static LayerStore NewStore() => new(NewCache(), TimeProvider.System);

    private static void AssertNothingKept(LayerStore store)
    {
        Assert.That(Directory.GetFileSystemEntries(store.Cache.Store + "/layers/sha256"), Is.Empty);
        Assert.That(Directory.GetFileSystemEntries(store.Cache.Store + "/tmp"), Is.Empty);
    }

    /// <summary>Gives some bytes and then fails like a lost connection.</summary>
    private sealed class BreakingStream(byte[] bytes, int after) : MemoryStream(bytes[..after])
    {
        internal Action Broken { get; init; } = () => { };

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int got = Read(buffer.Span);
            if (got == 0)
            {
                Broken();
                cancellationToken.ThrowIfCancellationRequested();
                throw new TransferBrokenException("the connection was lost", null);
            }

            return ValueTask.FromResult(got);
        }
    }
}
