using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Tests.Layers;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class ConfigStoreTests
{
    private static readonly byte[] Config = "{\"architecture\":\"amd64\"}"u8.ToArray();
    private static readonly Descriptor Wanted = new(MediaTypes.OciConfig, Digest.Of(Config), Config.Length);

    [Test]
    public async Task Jobs_that_start_together_ask_the_registry_once(CancellationToken ct)
    {
        string cache = TreeListing.NewDirectory() + "/cache";
        int asked = 0;

        byte[][] got = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Store(cache).GetAsync(
            Wanted,
            async token =>
            {
                Interlocked.Increment(ref asked);
                await Task.Delay(50, token);
                return Config;
            },
            ct)));

        Assert.That(asked, Is.EqualTo(1));
        Assert.That(got, Has.All.EqualTo(Config));
    }

    [Test]
    public async Task A_dry_run_leaves_nothing_and_uses_what_is_there(CancellationToken ct)
    {
        string cache = TreeListing.NewDirectory() + "/cache";

        byte[] first = await Store(cache, mayWrite: false).GetAsync(Wanted, _ => Task.FromResult(Config), ct);
        bool left = Directory.Exists(cache);
        await Store(cache).GetAsync(Wanted, _ => Task.FromResult(Config), ct);
        byte[] second = await Store(cache, mayWrite: false).GetAsync(Wanted, _ => throw new InvalidOperationException("asked again"), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Is.EqualTo(Config));
            Assert.That(left, Is.False);
            Assert.That(second, Is.EqualTo(Config));
        }
    }

    [TestCase("{\"architecture\":\"arm64\"}")]
    [TestCase("{")]
    [TestCase("")]
    public async Task What_does_not_have_the_digest_is_asked_for_again(string damaged, CancellationToken ct)
    {
        string cache = TreeListing.NewDirectory() + "/cache";
        await Store(cache).GetAsync(Wanted, _ => Task.FromResult(Config), ct);
        string kept = Directory.GetFiles(cache + "/configs").Single();
        await File.WriteAllTextAsync(kept, damaged, ct);

        byte[] got = await Store(cache).GetAsync(Wanted, _ => Task.FromResult(Config), ct);

        Assert.That(got, Is.EqualTo(Config));
        Assert.That(await File.ReadAllBytesAsync(kept, ct), Is.EqualTo(Config));
    }

    [Test]
    public async Task A_cache_that_cannot_be_used_does_not_matter_here(CancellationToken ct)
    {
        string cache = TreeListing.NewDirectory() + "/cache";
        await File.WriteAllTextAsync(cache, "a file", ct);

        Assert.That(await Store(cache).GetAsync(Wanted, _ => Task.FromResult(Config), ct), Is.EqualTo(Config));
    }

    [Test]
    public async Task One_that_has_not_been_written_for_long_goes(CancellationToken ct)
    {
        string cache = TreeListing.NewDirectory() + "/cache";
        await Store(cache).GetAsync(Wanted, _ => Task.FromResult(Config), ct);
        string old = cache + "/configs/" + new string('a', 64);
        await File.WriteAllTextAsync(old, "x", ct);
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddDays(-61));
        byte[] other = [.. Config, (byte)' '];

        await Store(cache).GetAsync(new Descriptor(MediaTypes.OciConfig, Digest.Of(other), other.Length), _ => Task.FromResult(other), ct);

        Assert.That(Directory.GetFiles(cache + "/configs"), Has.Length.EqualTo(2).And.No.Member(old));
    }

    private static ConfigStore Store(string cache, bool mayWrite = true) => new(new CacheDirectory(cache), mayWrite, TimeProvider.System);
}
