using GridWrapper.Launching;
using GridWrapper.Reporting;

namespace GridWrapper.Tests.Reporting;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(30_000)]
public class HeartbeatTests
{
    private readonly FakeClock _clock = new();
    private readonly StopSource _stop = new();

    [Test]
    public async Task Running_is_sent_at_once_and_then_at_each_interval(CancellationToken ct)
    {
        ScriptedManager manager = new(static _ => ScriptedManager.Accepted);
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => manager.Updates.Length == 1, TimeSpan.Zero, ct);
        await _clock.DriveUntilAsync(() => manager.Updates.Length == 3, TimeSpan.FromSeconds(100), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_clock.Elapsed, Is.EqualTo(TimeSpan.FromSeconds(3600)).Within(TimeSpan.FromSeconds(400)));
            Assert.That(manager.Updates.Select(static u => (u.JobStatus, u.Stdout)), Is.All.EqualTo(("running", (string?)null)));
            Assert.That(heartbeat.Accepted, Is.EqualTo(3));
        }
    }

    [Test]
    public async Task Tobekilled_stops_the_payload_and_the_updates(CancellationToken ct)
    {
        ScriptedManager manager = new(static _ => ScriptedManager.Commanding("tobekilled"));
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => _stop.Reason != StopReason.None, TimeSpan.Zero, ct);
        await _clock.DriveUntilAsync(() => _clock.Elapsed > TimeSpan.FromHours(1), TimeSpan.FromMinutes(10), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((_stop.Reason, heartbeat.KilledByServer), Is.EqualTo((StopReason.Cancelled, true)));
            Assert.That(manager.Updates, Has.Length.EqualTo(1));
        }
    }

    [Test]
    public async Task A_word_that_merely_contains_a_command_is_none(CancellationToken ct)
    {
        ScriptedManager manager = new(static _ => ScriptedManager.Commanding("tail tobekilled.log", "gdb x"));
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => manager.Updates.Length == 2, TimeSpan.FromSeconds(600), ct);
        Assert.That((_stop.Reason, heartbeat.KilledByServer), Is.EqualTo((StopReason.None, false)));
    }

    [Test]
    public async Task Softkill_is_a_TERM_without_a_stop_reason(CancellationToken ct)
    {
        List<int> signals = [];
        using IDisposable listening = _stop.Listen(signals.Add);
        ScriptedManager manager = new(static u => ScriptedManager.Commanding("softkill"));
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => signals.Count > 0, TimeSpan.Zero, ct);
        Assert.That((signals[0], _stop.Reason), Is.EqualTo((15, StopReason.None)));
    }

    [Test]
    public async Task Debug_makes_it_faster_and_adds_the_tail_of_stdout(CancellationToken ct)
    {
        int n = 0;
        ScriptedManager manager = new(_ => ScriptedManager.Commanding(n++ == 0 ? "debug" : "NULL"));
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => manager.Updates.Length == 1, TimeSpan.Zero, ct);
        await _clock.DriveUntilAsync(() => manager.Updates.Length == 3, TimeSpan.FromSeconds(5), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(300)));
            Assert.That(manager.Updates.Select(static u => u.Stdout), Is.EqualTo(new[] { null, "tail", "tail" }));
        }
    }

    [Test]
    public async Task A_job_may_be_in_debug_mode_from_the_start(CancellationToken ct)
    {
        ScriptedManager manager = new(static _ => ScriptedManager.Accepted);
        await using Heartbeat heartbeat = Start(manager, debug: true);
        await _clock.DriveUntilAsync(() => manager.Updates.Length == 1, TimeSpan.Zero, ct);
        Assert.That(manager.Updates[0].Stdout, Is.EqualTo("tail"));
    }

    [TestCase("alreadydone")]
    [TestCase("badattemptnr")]
    public async Task A_server_that_wants_no_more_updates_gets_none(string command, CancellationToken ct)
    {
        ScriptedManager manager = new(_ => ScriptedManager.Commanding(command));
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => heartbeat.ServerIsDone, TimeSpan.Zero, ct);
        await _clock.DriveUntilAsync(() => _clock.Elapsed > TimeSpan.FromHours(1), TimeSpan.FromMinutes(10), ct);
        Assert.That((manager.Updates.Length, _stop.Reason), Is.EqualTo((1, StopReason.None)));
    }

    [Test]
    public async Task Without_an_accepted_update_for_three_hours_the_payload_is_stopped(CancellationToken ct)
    {
        ScriptedManager manager = new(static _ => ScriptedManager.Away);
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => _stop.Reason != StopReason.None, TimeSpan.FromSeconds(100), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_stop.Reason, Is.EqualTo(StopReason.LostHeartbeat));
            Assert.That(_clock.Elapsed, Is.InRange(TimeSpan.FromSeconds(10800), TimeSpan.FromSeconds(13000)));
        }
    }

    [Test]
    public async Task One_success_in_between_starts_the_three_hours_anew(CancellationToken ct)
    {
        int n = 0;
        ScriptedManager manager = new(_ => n++ == 4 ? ScriptedManager.Accepted : ScriptedManager.Away);
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => _stop.Reason != StopReason.None, TimeSpan.FromSeconds(100), ct);
        Assert.That(_clock.Elapsed, Is.AtLeast(TimeSpan.FromSeconds(10800 + (4 * 1800))));
    }

    [Test]
    public async Task Refused_credentials_do_not_end_the_heartbeat(CancellationToken ct)
    {
        int n = 0;
        ScriptedManager manager = new(_ => n++ == 0 ? throw CredentialFault.Of("x", "expired") : ScriptedManager.Accepted);
        await using Heartbeat heartbeat = Start(manager);
        await _clock.DriveUntilAsync(() => heartbeat.Accepted == 1, TimeSpan.FromSeconds(100), ct);
        Assert.That(_stop.Reason, Is.EqualTo(StopReason.None));
    }

    [Test]
    public async Task Answers_to_other_updates_can_be_obeyed_too()
    {
        await using Heartbeat heartbeat = new(new ScriptedManager(static _ => ScriptedManager.Accepted), Options(debug: false));
        heartbeat.Obey(ScriptedManager.Commanding("debug", "tobekilled"));
        Assert.That((heartbeat.KilledByServer, _stop.Reason), Is.EqualTo((true, StopReason.Cancelled)));
    }

    [Test]
    public void The_tail_of_a_growing_file()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N"));
        File.WriteAllText(path, new string('ü', 10_000) + "end");
        string? tail = StdoutTail.Read(path, 2048);
        File.Delete(path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(tail, Is.EqualTo(new string('ü', 2045) + "end"));
            Assert.That(StdoutTail.Read(path, 2048), Is.Null);
        }
    }

    private Heartbeat Start(ScriptedManager manager, bool debug = false)
    {
        Heartbeat heartbeat = new(manager, Options(debug));
        heartbeat.Start();
        return heartbeat;
    }

    private HeartbeatOptions Options(bool debug) => new()
    {
        Snapshot = static tail => PandaBench.Running with { Stdout = tail },
        Stop = _stop,
        Debug = debug,
        StdoutTail = static () => "tail",
        Time = _clock,
    };
}
