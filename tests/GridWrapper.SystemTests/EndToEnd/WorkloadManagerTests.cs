using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Stand-alone runs: the workload manager hands out the job and learns of every end that it can take.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(150_000)]
internal sealed class WorkloadManagerTests : EndToEndFixture
{
    private const string Queue = "TEST_QUEUE";

    private long _nextJob = 4012345678;

    [Test]
    public async Task A_job_is_pulled_run_and_told_of(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long id = AddJob(server, "payload out.json; echo to stderr >&2");
        Outcome outcome = await area.RunAsync(ct, Pull(server));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        RecordedUpdate last = server.State.Updates[^1];
        JObject report = JObject.Parse(last.Text("job_output_report")!);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(States(server, id), Is.EqualTo((string[])["starting", "running", "finished"]));
            Assert.That((string?)report[TestJob.Lfn]!["adler32"], Is.EqualTo(TestJob.Adler32));
            Assert.That((long)report[TestJob.Lfn]!["fsize"]!, Is.EqualTo(TestJob.Content.Length));
            Assert.That((string?)report[TestJob.LogLfn]!["guid"], Is.EqualTo("d5e94b1e-6f6e-4a43-8a02-0f7c1b6a5d10").IgnoreCase);
            Assert.That((int?)last.Arguments["attempt_nr"], Is.EqualTo(2));
            Assert.That(server.State.Updates.SelectMany(u => u.LostDates), Is.Empty);
            Assert.That(Settled(server, id), Is.EqualTo(("finished", (string?)null)));
            Assert.That((outcome.Stdout, area.ReadText("payload.stdout"), area.ReadText("payload.stderr")), Is.EqualTo(("", TestJob.Content, "to stderr\n")));
            Assert.That(new FileInfo(area.JobFile(TestJob.LogLfn)).Length, Is.Positive);
            Assert.That((string?)area.Result["reporting"]!["lastState"], Is.EqualTo("finished"));
            Assert.That(((int)area.Result["reporting"]!["updates"]!, (int)area.Result["reporting"]!["pending"]!), Is.EqualTo((3, 0)));
            Assert.That(Spool(area), Is.Empty);
        }
    }

    [Test]
    public async Task Older_servers_are_spoken_to_in_their_way(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start(new WorkloadOptions { Api = WorkloadApi.LegacyWithoutV1 });
        long id = AddJob(server, "payload out.json");
        Outcome outcome = await area.RunAsync(ct, Pull(server));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        Assert.That((States(server, id), server.State.Updates.All(u => u.Legacy)), Is.EqualTo(((string[])["starting", "running", "finished"], true)));
    }

    [Test]
    public async Task A_queue_without_jobs_is_nothing_wrong(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        Outcome outcome = await area.RunAsync(ct, Pull(server));
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((75, "")), outcome.ToString());
        Assert.That(outcome.Stderr, Does.Contain(Queue).And.EndWith("pilot=1385]\n"));
    }

    [Test]
    public async Task A_server_that_is_away_at_the_end_is_told_later_on_request(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long id = AddJob(server, "payload out.json; touch began; while ! [ -e go ]; do sleep 0.1; done");
        await RunWithServerGoneAsync(area, server, id, ct);
        Assert.That(Spool(area), Has.Length.EqualTo(1));
        server.Behave();
        Outcome resend = await area.RunAsync(ct, "report", "--resend", "--server", server.Address.ToString());
        using (Assert.EnterMultipleScope())
        {
            Assert.That((resend.ExitCode, resend.Stdout), Is.EqualTo((0, "1 of 1 updates delivered\n")), resend.ToString());
            Assert.That(States(server, id)[^1], Is.EqualTo("finished"));
            Assert.That(Spool(area), Is.Empty);
        }
    }

    [Test]
    public async Task A_server_that_is_away_at_the_end_is_told_by_the_next_job(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long first = AddJob(server, "payload out.json; touch began; while ! [ -e go ]; do sleep 0.1; done");
        await RunWithServerGoneAsync(area, server, first, ct);
        server.Behave();
        long second = AddJob(server, "payload out.json");
        Outcome outcome = await area.RunAsync(ct, Pull(server));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(States(server, first)[^1], Is.EqualTo("finished"));
            Assert.That(States(server, second)[^1], Is.EqualTo("finished"));
            Assert.That(Spool(area), Is.Empty);
        }
    }

    [Test]
    public async Task The_servers_wish_to_kill_is_obeyed(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long id = AddJob(server, "trap 'echo got TERM; exit 9' TERM; echo began; (while :; do sleep 0.1; done) & while :; do sleep 0.1; done");
        server.State.Command("NULL");
        server.State.Command("tobekilled");
        Outcome outcome = await area.RunAsync(ct, [.. Pull(server), "--timeout", "60"]);
        RecordedUpdate last = server.State.Updates[^1];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Not.Zero, outcome.ToString());
            Assert.That(States(server, id), Is.EqualTo((string[])["starting", "running", "failed"]));
            Assert.That((int?)last.Arguments["pilot_error_code"], Is.EqualTo(1144), last.Arguments.ToString());
            Assert.That((string?)area.Result["payload"]?["stopReason"], Is.EqualTo("cancelled"));
            Assert.That(outcome.Elapsed, Is.LessThan(TimeSpan.FromSeconds(40)));
        }
    }

    [Test]
    public async Task A_batch_systems_TERM_reaches_the_payload_and_the_server(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long id = AddJob(server, "trap 'echo got TERM; exit 143' TERM; touch began; while :; do sleep 0.1; done");
        using StartedRun run = area.Start(null, Pull(server));
        await run.UntilAsync(() => File.Exists(area.JobFile("began")) && States(server, id).Contains("running"), ct);
        run.Signal("TERM");
        Outcome outcome = await run.EndAsync(ct);
        RecordedUpdate last = server.State.Updates[^1];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(143), outcome.ToString());
            Assert.That(area.ReadText("payload.stdout"), Is.EqualTo("got TERM\n"));
            Assert.That((last.Status, (int?)last.Arguments["pilot_error_code"]), Is.EqualTo(("failed", (int?)1201)), last.Arguments.ToString());
        }
    }

    [Test]
    public async Task A_failed_payload_is_told_with_its_code_and_only_its_log([Values(3, 255)] int code, CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long id = AddJob(server, $"payload out.json; exit {code}");
        Outcome outcome = await area.RunAsync(ct, Pull(server));
        RecordedUpdate last = server.State.Updates[^1];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(code), "no pilot reads it: " + outcome);
            Assert.That(States(server, id), Is.EqualTo((string[])["starting", "running", "failed"]));
            Assert.That(((int?)last.Arguments["pilot_error_code"], (string?)last.Arguments["trans_exit_code"]), Is.EqualTo(((int?)1305, code.ToString())), last.Arguments.ToString());
            Assert.That(JObject.Parse(last.Text("job_output_report")!).Properties().Select(p => p.Name), Is.EqualTo((string[])[TestJob.LogLfn]));
        }
    }

    [Test]
    public async Task A_missing_output_is_told(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long id = AddJob(server, "true");
        Outcome outcome = await area.RunAsync(ct, Pull(server));
        RecordedUpdate last = server.State.Updates[^1];
        Assert.That((outcome.ExitCode, last.JobId, last.Status, (int?)last.Arguments["pilot_error_code"]), Is.EqualTo((73, id, "failed", (int?)1165)), outcome.ToString());
    }

    [Test]
    public async Task A_wrong_document_is_told_and_nothing_runs(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        JObject job = new TestJob { PandaId = _nextJob++ }.Document;
        job["jobPars"] = "-o \"{'out.json': \" -p \"touch%20ran\" --containerImage ///";
        job["container_name"] = "NULL";
        Outcome outcome = await area.RunAsync(ct, "run", "--job", area.Write("job.json", job.ToString()), "--server", server.Address.ToString());
        RecordedUpdate[] updates = [.. server.State.Updates];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(64), outcome.ToString());
            Assert.That(updates.Select(u => (u.JobId, u.Status, (int?)u.Arguments["pilot_error_code"])), Is.EqualTo(((long, string, int?)[])[((long)job["PandaID"]!, "failed", 1349)]));
            Assert.That(File.Exists(area.JobFile("ran")), Is.False);
            Assert.That((int)area.Result["failure"]!["pilotErrorCode"]!, Is.EqualTo(1349));
        }
    }

    [Test]
    public async Task A_token_is_shown_with_its_origin_and_to_nobody_else(CancellationToken ct)
    {
        const string token = "eyJhbGciOiJSUzI1NiJ9.secret.part";
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start(new WorkloadOptions { Token = token });
        long id = AddJob(server, "payload out.json; env");
        area.Variables["PANDA_AUTH_TOKEN"] = area.Write("token", token + "\n");
        area.Variables["PANDA_AUTH_ORIGIN"] = "atlas.production";
        Outcome outcome = await area.RunAsync(ct, [.. Pull(server), "--log-level", "trace"]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(States(server, id), Is.EqualTo((string[])["starting", "running", "finished"]));
            Assert.That(server.Requests.Where(r => r.Path.Contains("/pilot/", StringComparison.Ordinal)).Select(r => (r.Authorization, r.Origin)).Distinct(),
                Is.EqualTo(((string?, string?)[])[("Bearer " + token, "atlas.production")]));
            Assert.That(outcome.Stderr, Does.Not.Contain(token));
            Assert.That(Directory.GetFiles(area.JobDirectory).Where(f => File.ReadAllText(f).Contains("secret.part", StringComparison.Ordinal)), Is.Empty);
        }
    }

    private static LoopbackWorkloadManager Start(WorkloadOptions? options = null) => LoopbackWorkloadManager.Start(options ?? new WorkloadOptions(), new Random());

    private static string[] Pull(LoopbackWorkloadManager server) => ["run", "--pull-job", "--server", server.Address.ToString(), "--queue", Queue];

    private static string[] States(LoopbackWorkloadManager server, long id) => [.. server.State.Updates.Where(u => u.JobId == id).Select(u => u.Status)];

    private static string[] Spool(Area area) =>
        Directory.Exists(Path.Combine(area.Cache, "spool")) ? Directory.GetFiles(Path.Combine(area.Cache, "spool")) : [];

    /// <summary>The state after the server's own look at the report.</summary>
    private static (string State, string? Fault)? Settled(LoopbackWorkloadManager server, long id)
    {
        server.State.Ask(id);
        return server.State.Find(id);
    }

    private long AddJob(LoopbackWorkloadManager server, string exec)
    {
        TestJob job = new() { PandaId = _nextJob++, Exec = exec };
        server.AddJob(job.Json);
        return job.PandaId;
    }

    /// <summary>Runs the queued job while the server cuts every connection from the moment on that the payload runs.</summary>
    private static async Task RunWithServerGoneAsync(Area area, LoopbackWorkloadManager server, long id, CancellationToken ct)
    {
        string site = area.Write("site.json", "{ \"name\": \"impatient\", \"panda\": { \"finalUpdateSeconds\": 2 } }");
        using StartedRun run = area.Start(null, [.. Pull(server), "--site", site]);
        await run.UntilAsync(() => File.Exists(area.JobFile("began")) && States(server, id).Contains("running"), ct);
        server.Misbehave(new WorkloadFault.Drop(), 1000);
        await File.WriteAllTextAsync(area.JobFile("go"), "", ct);
        Outcome outcome = await run.EndAsync(ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(States(server, id), Is.EqualTo((string[])["starting", "running"]));
            Assert.That(((string?)area.Result["reporting"]!["lastState"], (int)area.Result["reporting"]!["pending"]!), Is.EqualTo(("running", 1)));
        }
    }
}
