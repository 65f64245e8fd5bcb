using GridWrapper.Watching;

namespace GridWrapper.Tests.Watching;

[TestFixture, Parallelizable(ParallelScope.All), CancelAfter(30_000)]
internal sealed class PayloadWatchTests
{
    private const int Root = 10;

    [Test]
    public async Task TheFirstSampleIsEarlyAndTheOthersFollowTheInterval(CancellationToken ct)
    {
        using ProcTree proc = Payload();
        FakeClock clock = new();
        List<PayloadUsage> seen = [];
        await using PayloadWatch watch = PayloadWatch.Begin(Options(proc, new PayloadLimits()) with { Sampled = seen.Add }, clock, _ => Assert.Fail("stopped"));
        watch.Started(Root);
        await clock.DriveUntilAsync(() => seen.Count >= 3, TimeSpan.FromSeconds(1), ct);
        WatchOutcome outcome = await FinishAsync(watch, clock);
        double[] walls = [.. outcome.Samples.Select(s => s.WallSeconds)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(walls[0], Is.LessThan(10));
            Assert.That(walls[1] - walls[0], Is.GreaterThanOrEqualTo(30));
            Assert.That(walls[2] - walls[1], Is.GreaterThanOrEqualTo(30));
            Assert.That((outcome.Breach, outcome.OomKilled, outcome.Usage.Means), Is.EqualTo(((LimitBreach?)null, false, "sampling")));
            Assert.That(outcome.Usage.Maximum.Rss, Is.EqualTo(4000 * 1024));
        }
    }

    [Test]
    public async Task MemoryIsLookedAtMoreOftenThanSamplesAreTaken(CancellationToken ct)
    {
        using ProcTree proc = Payload();
        FakeClock clock = new();
        List<LimitBreach> stops = [];
        PayloadLimits limits = new() { Memory = new Limit(10_000 * 1024, "the job") };
        await using PayloadWatch watch = PayloadWatch.Begin(Options(proc, limits), clock, stops.Add);
        watch.Started(Root);
        await clock.DriveUntilAsync(() => clock.Elapsed > TimeSpan.FromSeconds(12), TimeSpan.FromSeconds(1), ct);
        Assert.That(stops, Is.Empty);
        proc.Process(11, Root, "payload", new ProcNumbers { RssKilobytes = 20_000, PssKilobytes = 20_000 });
        TimeSpan grew = clock.Elapsed;
        await clock.DriveUntilAsync(() => stops.Count > 0, TimeSpan.FromSeconds(1), ct);
        Assert.That((stops[0].Kind, stops[0].ByKernel), Is.EqualTo((LimitKind.Memory, false)));
        Assert.That(clock.Elapsed - grew, Is.LessThan(TimeSpan.FromSeconds(30)));
    }

    [Test]
    public async Task SharedMemoryIsNoReasonToStop(CancellationToken ct)
    {
        using ProcTree proc = Payload(new ProcNumbers { RssKilobytes = 20_000, PssKilobytes = 5_000 });
        FakeClock clock = new();
        PayloadLimits limits = new() { Memory = new Limit(10_000 * 1024, "the job") };
        await using PayloadWatch watch = PayloadWatch.Begin(Options(proc, limits), clock, breach => Assert.Fail(breach.Message));
        watch.Started(Root);
        await clock.DriveUntilAsync(() => clock.Elapsed > TimeSpan.FromMinutes(2), TimeSpan.FromSeconds(1), ct);
    }

    [Test]
    public async Task ASilentPayloadIsStoppedOnce(CancellationToken ct)
    {
        using ProcTree proc = Payload();
        proc.Write("job/old", "x");
        File.SetLastWriteTimeUtc(proc.Root + "/job/old", FakeClock.Origin.UtcDateTime.AddDays(-1));
        FakeClock clock = new();
        List<LimitBreach> stops = [];
        PayloadLimits limits = new() { Looping = new Limit(7200, "the pilot's rule") };
        await using PayloadWatch watch = PayloadWatch.Begin(Options(proc, limits), clock, stops.Add);
        watch.Started(Root);
        await clock.DriveUntilAsync(() => stops.Count > 0, TimeSpan.FromSeconds(30), ct);
        Assert.That(clock.Elapsed, Is.GreaterThan(TimeSpan.FromSeconds(7200)));
        await clock.DriveUntilAsync(() => clock.Elapsed > TimeSpan.FromSeconds(7800), TimeSpan.FromSeconds(30), ct);
        Assert.That(stops, Has.Count.EqualTo(1).And.All.Property("Kind").EqualTo(LimitKind.Looping));
    }

    [Test]
    public async Task AChangeInTheJobDirectoryIsASignOfLife(CancellationToken ct)
    {
        using ProcTree proc = Payload();
        proc.Write("job/log", "x");
        File.SetLastWriteTimeUtc(proc.Root + "/job/log", FakeClock.Origin.UtcDateTime.AddSeconds(6000));
        FakeClock clock = new();
        List<LimitBreach> stops = [];
        PayloadLimits limits = new() { Looping = new Limit(7200, "the pilot's rule") };
        await using PayloadWatch watch = PayloadWatch.Begin(Options(proc, limits), clock, stops.Add);
        watch.Started(Root);
        await clock.DriveUntilAsync(() => stops.Count > 0, TimeSpan.FromSeconds(30), ct);
        Assert.That(clock.Elapsed, Is.GreaterThan(TimeSpan.FromSeconds(13_200)));
    }

    [Test]
    public async Task APayloadThatNeverWasLeavesNothing()
    {
        using ProcTree proc = new();
        FakeClock clock = new();
        await using PayloadWatch watch = PayloadWatch.Begin(Options(proc, new PayloadLimits()), clock, _ => { });
        WatchOutcome outcome = await FinishAsync(watch, clock);
        Assert.That((outcome.Samples.Length, outcome.Usage.SampleCount), Is.EqualTo((0, 0)));
    }

    private static Task<WatchOutcome> FinishAsync(PayloadWatch watch, FakeClock clock) => clock.DriveAsync(watch.FinishAsync(), TimeSpan.FromMilliseconds(100));

    private static ProcTree Payload(ProcNumbers? numbers = null)
    {
        ProcTree proc = new();
        proc.Process(Root, 1, "gridwrap-init", null, 11);
        proc.Process(11, Root, "payload", numbers);
        Directory.CreateDirectory(proc.Root + "/job");
        return proc;
    }

    private static WatchOptions Options(ProcTree proc, PayloadLimits limits) => new() { Limits = limits, JobDirectory = proc.Root + "/job", Root = proc.Root };
}
