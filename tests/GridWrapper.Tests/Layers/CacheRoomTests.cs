using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Tests.Layers;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class CacheRoomTests
{
    private const long Petabyte = 1_000_000_000_000_000;

    private static async Task<(CacheDirectory Cache, Digest Layer)> FilledAsync(CancellationToken ct)
    {
        var cache = new CacheDirectory(TreeListing.NewDirectory());
        cache.Prepare();
        byte[] tar = new TarBuilder().File("f", "content").Build();
        var blobs = new FakeBlobs();
        await new LayerStore(cache, TimeProvider.System).EnsureAsync(blobs.Add(tar), Digest.Of(tar), blobs, ct);
        return (cache, Digest.Of(tar));
    }

    private static Descriptor Blob(long bytes, string type = MediaTypes.OciLayerGzip) => new(type, Digest.Of("blob"u8.ToArray()), bytes);

    [Test]
    public async Task What_can_never_fit_is_refused_before_the_first_byte_and_with_figures(CancellationToken ct)
    {
        (CacheDirectory cache, Digest old) = await FilledAsync(ct);
        var blobs = new FakeBlobs();

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(
            () => new LayerStore(cache, TimeProvider.System).EnsureAllAsync([new ImageLayer(Blob(Petabyte), Digest.Of("x"u8.ToArray()))], blobs, ct))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That((fault.Failure.Step, fault.Failure.Errno, fault.Failure.PilotErrorCode, fault.Failure.ExitCode, fault.Failure.Blame), Is.EqualTo(("make-room", "ENOSPC", PilotError.NoLocalSpace, 75, Blame.Site)));
            Assert.That(fault.Message, Does.Contain("3500000000 MB").And.Contain(cache.Path).And.Contain("MB and ").And.Contain("inodes free").And.Contain("--cache"));
            Assert.That(blobs.Opened, Is.Zero);
            Assert.That(LayerStore.Has(cache, old), Is.False, "what nobody used was removed first");
        }
    }

    [Test]
    public async Task What_fits_removes_nothing(CancellationToken ct)
    {
        (CacheDirectory cache, Digest old) = await FilledAsync(ct);

        new CacheRoom(cache, null, TimeProvider.System).Make([Blob(1000)], ct);

        Assert.That(LayerStore.Has(cache, old), Is.True);
    }

    [Test]
    public async Task A_second_try_is_worth_it_only_where_something_could_be_removed(CancellationToken ct)
    {
        (CacheDirectory cache, Digest old) = await FilledAsync(ct);
        GridWrapperException full = LayerFault.Storage("unpacking", cache.Path, new LinuxException("pwrite", "d/f", 28));
        var room = new CacheRoom(cache, null, TimeProvider.System);

        room.MakeAgain(full, [Blob(Petabyte)], last: false, ct);
        bool kept = LayerStore.Has(cache, old);
        GridWrapperException fault = Assert.Throws<GridWrapperException>(() => room.MakeAgain(full, [Blob(Petabyte)], last: false, ct))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(kept, Is.False);
            Assert.That(fault.Message, Does.Contain("pwrite(d/f): ENOSPC").And.Contain("were expected to be needed"));
            Assert.That(() => room.MakeAgain(full, [], last: true, ct), Throws.TypeOf<GridWrapperException>());
        }
    }

    [TestCase(28, true)]
    [TestCase(122, true)]
    [TestCase(5, false)]
    public void A_full_disk_is_known_by_its_errno_from_whichever_layer_it_comes(int errno, bool full)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(CacheRoom.IsFull(new LinuxException("write", "f", errno)), Is.EqualTo(full));
            Assert.That(CacheRoom.IsFull(new IOException("of the base library", errno)), Is.EqualTo(full));
        }
    }

    [TestCase(MediaTypes.OciLayerGzip, 35e6)]
    [TestCase(MediaTypes.OciLayer, 10e6)]
    public void An_uncompressed_layer_is_not_expected_to_grow(string type, double bytes) =>
        Assert.That(LayerEstimate.Bytes([Blob(10_000_000, type)]), Is.EqualTo(bytes).Within(1));
}
