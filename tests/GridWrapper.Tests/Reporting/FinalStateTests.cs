using GridWrapper.Reporting;
using GridWrapper.SelfTest;

namespace GridWrapper.Tests.Reporting;

/// <summary>The final state arrives once, exactly, whatever the server does meanwhile: with the real client, the real spool and a clock that is driven.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(120_000)]
public sealed class FinalStateTests
{
    private readonly string _cache = Path.Combine(TestContext.CurrentContext.WorkDirectory, "final-" + Guid.NewGuid().ToString("N"));

    private static JobUpdate Final => Samples.FullUpdate with { BatchId = null };

    [TearDown]
    public void RemoveCache()
    {
        if (Directory.Exists(_cache))
        {
            Directory.Delete(_cache, recursive: true);
        }
    }

    [Test]
    public async Task Away_for_the_whole_run(CancellationToken ct)
    {
        await using PandaBench bench = new();
        (SpooledWorkloadManager manager, UpdateSpool spool) = await AcquireAsync(bench, ct);
        bench.Server.Misbehave(new WorkloadFault.Drop(), times: 100_000);
        Assert.That((await DriveAsync(bench, manager, PandaBench.Starting, ct)).Accepted, Is.False);
        Assert.That((await DriveAsync(bench, manager, PandaBench.Running, ct)).Accepted, Is.False);
        Assert.That((await DriveAsync(bench, manager, Final, ct)).Accepted, Is.False);
        for (int run = 0; run < 3; run++)
        {
            Assert.That(await bench.Clock.DriveAsync(spool.ResendAsync(bench.Client.Briefly, ct), TimeSpan.FromSeconds(30)), Is.Zero, "later runs on the node find it still away");
        }

        Assert.That(spool.List(), Has.Length.EqualTo(1), "trying does not multiply it");
        bench.Server.Behave();
        Assert.That(await bench.Clock.DriveAsync(spool.ResendAsync(bench.Client.Briefly, ct), TimeSpan.FromSeconds(30)), Is.EqualTo(1));
        ArrivedOnce(bench, spool);
        Assert.That(bench.Server.State.Updates[0].Arguments.Count, Is.EqualTo(49), "with every field that it had, the resource figures too");
    }

    [Test]
    public async Task Five_hundred_for_ten_minutes(CancellationToken ct)
    {
        await using PandaBench bench = new();
        (SpooledWorkloadManager manager, UpdateSpool spool) = await AcquireAsync(bench, ct);
        bench.Server.Misbehave(new WorkloadFault.Answer(500, "Internal Server Error"), times: 100_000);
        Task<UpdateAnswer> final = manager.UpdateJobAsync(Final, ct);
        await bench.Clock.DriveUntilAsync(() => bench.Clock.Elapsed > TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(5), ct);
        Assert.That((final.IsCompleted, spool.List().Length), Is.EqualTo((false, 0)), "it is being sent, and held while it is");
        bench.Server.Behave();
        Assert.That((await bench.Clock.DriveAsync(final, TimeSpan.FromSeconds(5))).Accepted, Is.True);
        ArrivedOnce(bench, spool);
    }

    [Test]
    public async Task Dying_between_two_updates(CancellationToken ct)
    {
        await using PandaBench bench = new();
        (SpooledWorkloadManager manager, UpdateSpool spool) = await AcquireAsync(bench, ct);
        Assert.That((await DriveAsync(bench, manager, PandaBench.Starting, ct)).Accepted, Is.True);
        bench.Server.Misbehave(new WorkloadFault.Drop(), times: 7);
        Assert.That((await DriveAsync(bench, manager, PandaBench.Running, ct)).Accepted, Is.False);
        Assert.That((await DriveAsync(bench, manager, Final, ct)).Accepted, Is.True);
        ArrivedOnce(bench, spool, before: ["starting"]);
    }

    [Test]
    public async Task Taken_in_but_the_answer_lost(CancellationToken ct)
    {
        await using PandaBench bench = new();
        (SpooledWorkloadManager manager, UpdateSpool spool) = await AcquireAsync(bench, ct);
        bench.Server.Misbehave(new WorkloadFault.DropAfter());
        UpdateAnswer answer = await DriveAsync(bench, manager, Final, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((answer.Accepted, string.Join(',', answer.Commands)), Is.EqualTo((true, "alreadydone")), "the second time the server says that it has it");
            Assert.That(spool.List(), Is.Empty);
            Assert.That(bench.Server.State.Find(PandaBench.JobId)?.State, Is.EqualTo("holding"));
        }
    }

    [Test]
    public async Task The_wrapper_dies_while_it_waits(CancellationToken ct)
    {
        await using PandaBench bench = new();
        (SpooledWorkloadManager manager, UpdateSpool spool) = await AcquireAsync(bench, ct);
        bench.Server.Misbehave(new WorkloadFault.Answer(502, "away"), times: 100_000);
        using (CancellationTokenSource death = CancellationTokenSource.CreateLinkedTokenSource(ct))
        {
            Task<UpdateAnswer> final = manager.UpdateJobAsync(Final, death.Token);
            await bench.Clock.DriveUntilAsync(() => bench.Server.Requests.Length > 4, TimeSpan.FromSeconds(5), ct);
            await death.CancelAsync();
            Assert.That(() => final, Throws.InstanceOf<OperationCanceledException>());
        }

        bench.Server.Behave();
        Assert.That(await bench.Clock.DriveAsync(spool.ResendAsync(bench.Client.Briefly, ct), TimeSpan.FromSeconds(5)), Is.EqualTo(1));
        ArrivedOnce(bench, spool);
    }

    [Test]
    public async Task A_server_that_forgot_the_v1_api_for_a_while_is_not_taken_for_an_old_one(CancellationToken ct)
    {
        await using PandaBench bench = new();
        (SpooledWorkloadManager manager, UpdateSpool spool) = await AcquireAsync(bench, ct);
        bench.Server.Misbehave(new WorkloadFault.Answer(404, "no such worker"), times: 3);
        Assert.That((await DriveAsync(bench, manager, Final, ct)).Accepted, Is.True);
        ArrivedOnce(bench, spool);
        Assert.That(bench.Server.Requests.Any(static r => r.Path.StartsWith("/server/", StringComparison.Ordinal)), Is.False);
    }

    private static void ArrivedOnce(PandaBench bench, UpdateSpool spool, string[]? before = null)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Server.State.Updates.Select(static u => u.Status), Is.EqualTo((before ?? []).Append("failed")));
            Assert.That(spool.List(), Is.Empty);
        }
    }

    private static Task<UpdateAnswer> DriveAsync(PandaBench bench, SpooledWorkloadManager manager, JobUpdate update, CancellationToken ct) =>
        bench.Clock.DriveAsync(manager.UpdateJobAsync(update, ct), TimeSpan.FromSeconds(30));

    /// <summary>The job is handed out, and its updates go through a spool of the test's own.</summary>
    private async Task<(SpooledWorkloadManager Manager, UpdateSpool Spool)> AcquireAsync(PandaBench bench, CancellationToken ct)
    {
        await bench.AcquireAsync(ct);
        UpdateSpool spool = new(UpdateSpool.DirectoryIn(_cache), bench.Client.Server, bench.Clock);
        return (new SpooledWorkloadManager(bench.Client, spool), spool);
    }
}
