using GridWrapper.Reporting;
using GridWrapper.SelfTest;

namespace GridWrapper.Tests.Reporting;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class UpdateSpoolTests
{
    private const string Server = "https://panda.example:25443";

    private readonly string _cache = Path.Combine(TestContext.CurrentContext.WorkDirectory, "spool-" + Guid.NewGuid().ToString("N"));
    private readonly FakeClock _clock = new();

    private string Spool => UpdateSpool.DirectoryIn(_cache);

    [TearDown]
    public void RemoveCache()
    {
        if (Directory.Exists(_cache))
        {
            Directory.Delete(_cache, recursive: true);
        }
    }

    [Test]
    public void An_entry_holds_the_whole_update()
    {
        UpdateSpool spool = New();
        spool.Hold(Samples.FullUpdate).Dispose();
        SpooledUpdate entry = spool.List().Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(entry.Update, Is.EqualTo(Samples.FullUpdate));
            Assert.That((entry.Server, entry.Written), Is.EqualTo((Server, FakeClock.Origin)));
        }
    }

    [Test]
    public void It_is_private()
    {
        UpdateSpool spool = New();
        spool.Hold(Samples.FullUpdate).Dispose();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.GetUnixFileMode(Spool), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
            Assert.That(File.GetUnixFileMode(spool.List().Single().Path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }
    }

    [Test]
    public void What_is_just_being_sent_is_nobody_elses()
    {
        UpdateSpool spool = New();
        using SpoolHold hold = spool.Hold(PandaBench.Failed);
        Assert.That(New().List(), Is.Empty);
    }

    [Test]
    public void A_delivered_update_leaves_nothing()
    {
        UpdateSpool spool = New();
        using (SpoolHold hold = spool.Hold(PandaBench.Failed))
        {
            hold.Delivered();
        }

        Assert.That(Directory.GetFileSystemEntries(Spool), Is.Empty);
    }

    [Test]
    public void The_claim_of_a_dead_process_is_taken_back()
    {
        UpdateSpool spool = New();
        spool.Hold(PandaBench.Failed).Dispose();
        string path = spool.List().Single().Path;
        File.Move(path, Path.ChangeExtension(path, ".claim"));
        Assert.That(New().List().Select(static e => e.Update.JobId), Is.EqualTo(new[] { PandaBench.JobId }));
    }

    [Test]
    public async Task Oldest_first_and_only_to_their_server(CancellationToken ct)
    {
        foreach ((string server, long id) in new[] { (Server, 3L), ("https://other", 9L), (Server, 1L), (Server, 2L) })
        {
            new UpdateSpool(Spool, server, _clock).Hold(PandaBench.Failed with { JobId = id }).Dispose();
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        ScriptedManager manager = new(static _ => ScriptedManager.Accepted);
        int delivered = await New().ResendAsync(manager, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(delivered, Is.EqualTo(3));
            Assert.That(manager.Updates.Select(static u => u.JobId), Is.EqualTo(new[] { 3, 1, 2 }));
            Assert.That(New().List().Single().Update.JobId, Is.EqualTo(9));
        }
    }

    [Test]
    public async Task A_server_that_is_still_away_is_not_asked_for_each(CancellationToken ct)
    {
        UpdateSpool spool = New();
        spool.Hold(PandaBench.Failed).Dispose();
        spool.Hold(PandaBench.Failed with { JobId = 2 }).Dispose();
        ScriptedManager manager = new(static _ => ScriptedManager.Away);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await spool.ResendAsync(manager, ct), Is.Zero);
            Assert.That(manager.Updates, Has.Length.EqualTo(1));
            Assert.That(spool.List(), Has.Length.EqualTo(2));
        }
    }

    [Test]
    public async Task Two_resenders_deliver_each_update_once(CancellationToken ct)
    {
        for (int i = 0; i < 40; i++)
        {
            New().Hold(PandaBench.Failed with { JobId = i }).Dispose();
        }

        ScriptedManager manager = new(static _ => ScriptedManager.Accepted);
        int[] delivered = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => New().ResendAsync(manager, ct), ct)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(manager.Updates.Select(static u => u.JobId).Order(), Is.EqualTo(Enumerable.Range(0, 40)));
            Assert.That(delivered.Sum(), Is.EqualTo(40));
            Assert.That(Directory.GetFileSystemEntries(Spool), Is.Empty);
        }
    }

    [Test]
    public async Task Very_old_updates_are_dropped(CancellationToken ct)
    {
        UpdateSpool spool = New();
        spool.Hold(PandaBench.Failed).Dispose();
        _clock.Advance(UpdateSpool.AgeLimit + TimeSpan.FromSeconds(1));
        ScriptedManager manager = new(static _ => ScriptedManager.Accepted);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await spool.ResendAsync(manager, ct), Is.Zero);
            Assert.That(manager.Updates, Is.Empty);
            Assert.That(spool.List(), Is.Empty);
        }
    }

    [Test]
    public void Unreadable_entries_are_left_alone()
    {
        UpdateSpool spool = New();
        spool.Hold(PandaBench.Failed).Dispose();
        File.WriteAllText(Path.Combine(Spool, "00-broken.json"), "{");
        File.WriteAllText(Path.Combine(Spool, "01-foreign.json"), "{\"a\": 1}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(spool.List(), Has.Length.EqualTo(1));
            Assert.That(File.Exists(Path.Combine(Spool, "00-broken.json")), Is.True);
        }
    }

    [Test]
    public async Task A_final_update_is_on_disk_before_it_is_tried(CancellationToken ct)
    {
        int claims = 0;
        ScriptedManager manager = new(_ =>
        {
            claims = Directory.GetFiles(Spool, "*.claim").Length;
            return ScriptedManager.Accepted;
        });
        UpdateAnswer answer = await new SpooledWorkloadManager(manager, New()).UpdateJobAsync(PandaBench.Failed, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.True);
            Assert.That(claims, Is.EqualTo(1));
            Assert.That(Directory.GetFileSystemEntries(Spool), Is.Empty);
        }
    }

    [Test]
    public async Task Updates_on_the_way_are_not_spooled(CancellationToken ct)
    {
        ScriptedManager manager = new(static _ => ScriptedManager.Away);
        _ = await new SpooledWorkloadManager(manager, New()).UpdateJobAsync(PandaBench.Running, ct);
        Assert.That(Directory.Exists(Spool), Is.False);
    }

    [Test]
    public async Task Refused_credentials_leave_the_final_update_in_the_spool(CancellationToken ct)
    {
        ScriptedManager manager = new(static _ => throw CredentialFault.Of("x", "expired"));
        UpdateAnswer answer = await new SpooledWorkloadManager(manager, New()).UpdateJobAsync(PandaBench.Failed, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer, Is.EqualTo(new UpdateAnswer(false, [], "expired")));
            Assert.That(New().List(), Has.Length.EqualTo(1));
        }
    }

    [Test]
    public void A_cancelled_final_update_stays_in_the_spool()
    {
        ScriptedManager manager = new(static _ => throw new OperationCanceledException());
        SpooledWorkloadManager spooled = new(manager, New());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(async () => await spooled.UpdateJobAsync(PandaBench.Failed, CancellationToken.None), Throws.InstanceOf<OperationCanceledException>());
            Assert.That(New().List(), Has.Length.EqualTo(1));
        }
    }

    [Test]
    public async Task A_spool_that_cannot_be_written_does_not_stop_the_update(CancellationToken ct)
    {
        _ = Directory.CreateDirectory(_cache);
        await File.WriteAllTextAsync(Spool, "a file in the way", ct);
        ScriptedManager manager = new(static _ => ScriptedManager.Accepted);
        Assert.That((await new SpooledWorkloadManager(manager, New()).UpdateJobAsync(PandaBench.Failed, ct)).Accepted, Is.True);
    }

    [Test]
    public async Task What_a_server_missed_arrives_when_it_is_back(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        UpdateSpool spool = new(Spool, bench.Client.Server, bench.Clock);
        SpooledWorkloadManager manager = new(bench.Client, spool);
        bench.Server.Misbehave(new WorkloadFault.Answer(503, "busy"), times: 10_000);
        UpdateAnswer lost = await bench.Clock.DriveAsync(manager.UpdateJobAsync(PandaBench.Failed, ct), TimeSpan.FromSeconds(30));
        bench.Server.Behave();
        int delivered = await bench.Clock.DriveAsync(spool.ResendAsync(bench.Client, ct), TimeSpan.FromSeconds(5));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((lost.Accepted, delivered), Is.EqualTo((false, 1)));
            Assert.That(bench.Server.State.Find(PandaBench.JobId)?.State, Is.EqualTo("holding"));
        }
    }

    private UpdateSpool New() => new(Spool, Server, _clock);
}
