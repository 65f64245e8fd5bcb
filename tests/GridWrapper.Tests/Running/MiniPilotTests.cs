using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;
using GridWrapper.Reporting;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Tests.Reporting;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class MiniPilotTests
{
    [TestCase(2, 2, "limit")]
    [TestCase(9, 3, "drained")]
    public async Task It_asks_again_until_its_number_or_the_end_of_the_queue(int jobs, int done, string end)
    {
        using RunningScratch scratch = new();
        Bench bench = new(scratch, queued: 3);
        PilotOutcome outcome = await bench.RunAsync(new PilotLimits(jobs, null));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Jobs.Length, outcome.End, outcome.Failure), Is.EqualTo((done, end, (Failure?)null)));
            Assert.That(bench.Directories, Is.EqualTo(Enumerable.Range(1, done).Select(i => Path.Combine(scratch.Job, $"PanDA_Pilot-{i}"))));
            Assert.That(bench.Clock.Elapsed, end == "drained" ? Is.EqualTo(TimeSpan.FromSeconds(4 * 60)).Within(TimeSpan.FromSeconds(30)) : Is.LessThan(TimeSpan.FromSeconds(30)));
        }
    }

    [Test]
    public async Task A_queue_without_a_job_is_told_as_such()
    {
        using RunningScratch scratch = new();
        PilotOutcome outcome = await new Bench(scratch, queued: 0).RunAsync(new PilotLimits(5, null));
        Assert.That((outcome.End, outcome.Failure?.PilotErrorCode, outcome.Failure?.ExitCode), Is.EqualTo(("drained", (int?)1385, (int?)75)));
    }

    [TestCase(Blame.Site, Phase.Materialise, 1, Description = "the next job would meet the same")]
    [TestCase(Blame.GridWrap, Phase.Launch, 1)]
    [TestCase(Blame.Registry, Phase.Materialise, 2, Description = "once may be the image's")]
    [TestCase(Blame.User, Phase.Job, 3)]
    [TestCase(Blame.Image, Phase.Materialise, 3)]
    [TestCase(Blame.Site, Phase.Outputs, 3)]
    public async Task An_unfit_node_takes_no_more_jobs(object blame, object phase, int taken)
    {
        using RunningScratch scratch = new();
        Bench bench = new(scratch, queued: 3) { Fails = new Failure { Blame = (Blame)blame, Phase = (Phase)phase, Step = "x", PilotErrorCode = 1306, Message = "m", ExitCode = 75 } };
        PilotOutcome outcome = await bench.RunAsync(new PilotLimits(3, null));
        Assert.That((outcome.Jobs.Length, outcome.Failure?.ExitCode), Is.EqualTo((taken, taken < 3 ? 75 : (int?)null)));
    }

    [Test]
    public async Task The_slots_time_bounds_each_job_and_ends_the_asking()
    {
        using RunningScratch scratch = new();
        Bench bench = new(scratch, queued: 100) { Takes = TimeSpan.FromMinutes(20) };
        PilotOutcome outcome = await bench.RunAsync(new PilotLimits(null, TimeSpan.FromHours(1)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Jobs.Length, outcome.End), Is.EqualTo((3, "limit")));
            Assert.That(bench.SlotTimes.Select(static t => t!.Value.TotalMinutes), Is.EqualTo(new[] { 57d, 37, 17 }).Within(2));
            Assert.That(bench.Requests.Select(static r => r.RemainingSeconds), Is.All.GreaterThan(0L));
        }
    }

    [Test]
    public async Task Harvester_hands_jobs_down_and_hears_of_their_outputs(CancellationToken ct)
    {
        using RunningScratch scratch = new();
        string harvester = Directory.CreateDirectory(Path.Combine(scratch.Base, "harvester")).FullName;
        await File.WriteAllTextAsync(Path.Combine(harvester, "HPCJobs.json"), $$"""{"11": {{Bench.Job(11)}}, "12": {{Bench.Job(12)}}}""", ct);
        await File.WriteAllTextAsync(Path.Combine(harvester, "event_status.dump.json"), """{"10": []}""", ct);
        Bench bench = new(scratch, queued: 5) { Harvester = new HarvesterDirectory(harvester) };
        PilotOutcome outcome = await bench.RunAsync(new PilotLimits(null, null), ask: false);
        JObject dump = JObject.Parse(await File.ReadAllTextAsync(Path.Combine(harvester, "event_status.dump.json"), ct));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.Jobs.Select(static j => j.PandaId), Is.EqualTo(new long?[] { 11, 12 }));
            Assert.That(bench.Requests, Is.Empty, "nobody else is asked");
            Assert.That(Directory.GetFiles(harvester).Select(Path.GetFileName), Is.EqualTo(new[] { "event_status.dump.json" }), "the job file is taken");
            Assert.That(dump.Properties().Select(static p => p.Name), Is.EqualTo(new[] { "10", "11", "12" }));
            Assert.That(dump["12"]![0]!.ToString(Newtonsoft.Json.Formatting.None), Is.EqualTo("""{"type":"log","path":"/job/l","guid":"D5E9A1F2-0000-4000-8000-000000000001","fsize":12,"chksum":"0a1b2c3d"}"""));
        }
    }

    [TestCase(false, false, "l")]
    [TestCase(true, false, "", Description = "a storage has it")]
    [TestCase(false, true, null, Description = "Harvester was told when the job ended")]
    public void Harvester_moves_what_nobody_else_moves(bool delivered, bool handedOver, string? listed)
    {
        using RunningScratch scratch = new();
        OutputFile log = Samples.Output("l") with { Url = delivered ? "https://se/l" : null };
        new HarvesterDirectory(scratch.Base).AddOutputs(new JobOutcome { PandaId = 5, HandedOver = handedOver, Log = log, Timings = new Timings() });
        string list = Path.Combine(scratch.Base, "event_status.dump.json");
        Assert.That(File.Exists(list) ? string.Join(' ', JObject.Parse(File.ReadAllText(list))["5"]!.Select(f => Path.GetFileName((string?)f["path"]))) : null, Is.EqualTo(listed));
    }

    [Test]
    public async Task Harvester_is_asked_for_more_and_the_request_is_withdrawn(CancellationToken ct)
    {
        using RunningScratch scratch = new();
        string harvester = Directory.CreateDirectory(Path.Combine(scratch.Base, "harvester")).FullName;
        string request = Path.Combine(harvester, "worker_requestjob.json");
        HarvesterDirectory directory = new(harvester);
        PilotSource source = new(scratch.Settings, null, directory) { AsksHarvester = true };
        Assert.That((await source.NextAsync(null, ct), source.IsFinite), Is.EqualTo(((GridWrapper.Jobs.JobReadResult?)null, false)));
        Assert.That(await File.ReadAllTextAsync(request, ct), Is.EqualTo("""{"nJobs":1}"""));
        await File.WriteAllTextAsync(Path.Combine(harvester, "HPCJobs.json"), $$"""{"11": {{Bench.Job(11)}}}""", ct);
        Assert.That((await source.NextAsync(null, ct))?.PandaId, Is.EqualTo(11));
        Assert.That(File.Exists(request), Is.False);
    }

    [Test]
    public async Task Harvester_may_end_the_worker(CancellationToken ct)
    {
        using RunningScratch scratch = new();
        string harvester = Directory.CreateDirectory(Path.Combine(scratch.Base, "harvester")).FullName;
        await File.WriteAllTextAsync(Path.Combine(harvester, "kill_worker"), "", ct);
        HarvesterDirectory directory = new(harvester);
        Bench bench = new(scratch, queued: 5) { Harvester = directory };
        PilotOutcome outcome = await bench.RunAsync(new PilotLimits(9, null));
        UpdateAnswer answer = await new HarvesterMailbox(directory).UpdateJobAsync(PandaBench.Failed, ct);
        JObject attributes = JObject.Parse(await File.ReadAllTextAsync(Path.Combine(harvester, "worker_attributes.json"), ct));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Jobs.Length, outcome.End), Is.EqualTo((1, "kill_worker")));
            Assert.That(answer.Commands, Is.EqualTo(new[] { "tobekilled" }));
            Assert.That(attributes["4012345678"]!.ToString(Newtonsoft.Json.Formatting.None), Is.EqualTo("""{"jobStatus":"failed","jobId":4012345678,"state":"failed","attemptNr":1,"transExitCode":1,"pilotErrorCode":1305}"""));
        }
    }

    [Test]
    public void A_worker_says_what_it_offers()
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with
        {
            Queue = "Q",
            SourceLabel = "managed",
            Site = scratch.Settings.Site with { Panda = new PandaPolicy { ResourceType = "SCORE", JobType = "prun" } },
            Environment = new Dictionary<string, string> { ["HARVESTER_ID"] = "h", ["HARVESTER_WORKER_ID"] = "7", ["PANDA_JSID"] = "js", ["PILOT_RESOURCE_NAME"] = "R", ["resourceType"] = "MCORE", ["PANDA_HOSTNAME"] = "slot1@n" },
        };
        AcquireRequest request = PilotSource.Request(settings, Samples.Node with { MemoryLimitBytes = 2L << 30 }, TimeSpan.FromSeconds(100.7));
        Assert.That(request with { DiskSpaceMegabytes = null }, Is.EqualTo(new AcquireRequest
        {
            SiteName = "Q",
            Node = "slot1@n",
            ProdSourceLabel = "managed",
            MemoryMegabytes = 2048,
            ComputingElement = "R",
            ResourceType = "MCORE",
            JobType = "prun",
            HarvesterId = "h",
            WorkerId = 7,
            SchedulerId = "js",
            RemainingSeconds = 100,
        }));
        Assert.That(PilotSource.Request(settings, Samples.Node, null).MemoryMegabytes, Is.Null, "without a limit the whole node's memory is not for one job");
    }

    private sealed class Bench(RunningScratch scratch, int queued) : IWorkloadManager
    {
        private int _handedOut;

        internal FakeClock Clock { get; } = new();

        internal Failure? Fails { get; init; }

        internal TimeSpan Takes { get; init; }

        internal HarvesterDirectory? Harvester { get; init; }

        internal List<string> Directories { get; } = [];

        internal List<TimeSpan?> SlotTimes { get; } = [];

        internal List<AcquireRequest> Requests { get; } = [];

        internal static string Job(long id) => $$"""{"PandaID": {{id}}, "jobPars": "-p true --containerImage a"}""";

        public Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct)
        {
            Requests.Add(request);
            return Task.FromResult(_handedOut < queued ? Job(++_handedOut) : null);
        }

        public Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct) => Task.FromResult(ScriptedManager.Accepted);

        internal async Task<PilotOutcome> RunAsync(PilotLimits limits, bool ask = true)
        {
            RunSettings settings = scratch.Settings with { Queue = "Q", Server = "http://127.0.0.1", Site = new SiteProfile { Name = "t" } };
            MiniPilot pilot = new(settings, limits, Clock, RunOneAsync);
            return await Clock.DriveAsync(pilot.RunAsync(new PilotSource(settings, ask ? this : null, Harvester), static _ => Task.CompletedTask), TimeSpan.FromSeconds(10));
        }

        private Task<JobOutcome> RunOneAsync(JobReadResult job, RunSettings settings, SignalForwarding signals)
        {
            Directories.Add(settings.WorkDirectory);
            SlotTimes.Add(settings.SlotTime);
            Clock.Advance(Takes);
            return Task.FromResult(new JobOutcome { PandaId = job.Request?.PandaId, Failure = Fails, Timings = new Timings(), Log = Samples.Output("l") });
        }
    }
}
