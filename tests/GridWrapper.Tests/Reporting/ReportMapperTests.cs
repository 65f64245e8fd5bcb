using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Outputs;
using GridWrapper.Reporting;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Reporting;

[Parallelizable(ParallelScope.All)]
public class ReportMapperTests
{
    private static readonly JobIdentity Job = new() { PandaId = 42, Attempt = 3, CoreCount = 8, SiteName = "QUEUE", Node = "node1", CpuUnit = "s+X 8-Core", CpuLevel = "x86_64-v3" };

    private static readonly RunResult Good = new()
    {
        ExitCode = 0,
        StartedAt = Samples.Start,
        EndedAt = Samples.Start.AddSeconds(100),
        CpuSeconds = 79.6,
        MaxRssBytes = 3 << 20,
    };

    private static readonly FinalReport Finished = new()
    {
        Run = Good,
        Outputs = new OutputSet { Files = [Samples.Output("a.root"), Samples.Output("b.txt") with { Url = "root://x//b.txt", Endpoint = "X_SCRATCH" }] },
        Log = Samples.Output("log.tgz"),
        JobReport = """{"exitCode":0}""",
        Timings = new JobTimings { GetJob = TimeSpan.FromSeconds(1), Payload = TimeSpan.FromSeconds(100.4), Setup = TimeSpan.FromSeconds(7) },
        StartedAt = Samples.Start,
        EndedAt = Samples.Start.AddSeconds(120),
        Strategy = "cvmfs-flat",
        Launcher = "rootless",
        BytesFetched = 0,
    };

    private static readonly Failure ImageMissing = new()
    {
        Blame = Blame.Image,
        Phase = Phase.Resolve,
        Step = "fetch-manifest",
        PilotErrorCode = PilotError.ImageNotFound,
        Message = "no such image\nin the registry",
    };

    [TestCase(false, "finished")]
    [TestCase(true, "transferring")]
    public void Outputs_that_somebody_else_moves_are_on_their_way(bool handedOver, string state)
    {
        JobUpdate update = ReportMapper.Final(Job, Finished with { HandedOver = handedOver });
        Assert.That((update.JobStatus, update.IsFinal), Is.EqualTo((state, true)));
    }

    [TestCase(0.4, null, Description = "less than one core says nothing")]
    [TestCase(7.6, 8)]
    public void The_cores_that_were_busy_are_a_whole_number(double cores, int? expected) =>
        Assert.That(ReportMapper.Final(Job, Finished with { Run = Good with { CpuSeconds = 100 * cores } }).MeanCoreCount, Is.EqualTo(expected));

    [Test]
    public void Inputs_are_counted_and_those_that_came_damaged_are_named()
    {
        JobUpdate damaged = ReportMapper.Final(Job, Finished with { InputFileCount = 3, CorruptedInputs = ["a", "b"] });
        JobUpdate without = ReportMapper.Final(Job, Finished);
        Assert.That((damaged.InputFileCount, damaged.CorruptedFiles, without.InputFileCount, without.CorruptedFiles), Is.EqualTo(((int?)3, "a,b", (int?)null, (string?)null)));
    }

    [Test]
    public void A_finished_job()
    {
        JobUpdate update = ReportMapper.Final(Job, Finished);
        JObject outputs = JObject.Parse(update.JobOutputReport!);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(update.JobStatus, Is.EqualTo("finished"));
            Assert.That(update.IsFinal, Is.True);
            Assert.That((update.JobId, update.AttemptNr), Is.EqualTo((42, 3)));
            Assert.That((update.TransExitCode, update.PilotErrorCode, update.ExeErrorCode), Is.EqualTo((0, 0, 0)));
            Assert.That((update.PilotErrorDiag, update.ExeErrorDiag, update.PilotLog), Is.EqualTo(((string?)null, (string?)null, (string?)null)));
            Assert.That(outputs.Properties().Select(static p => p.Name), Is.EqualTo(new[] { "a.root", "b.txt", "log.tgz" }));
            Assert.That(outputs["b.txt"]!.ToString(Newtonsoft.Json.Formatting.None), Is.EqualTo(
                """{"guid":"D5E9A1F2-0000-4000-8000-000000000001","fsize":12,"adler32":"0a1b2c3d","surl":"root://x//b.txt","endpoint":"X_SCRATCH"}"""));
            Assert.That(update.MetaData, Is.EqualTo("""{"exitCode":0}"""));
            Assert.That(update.PilotTiming, Is.EqualTo("1|0|100|0|0|7"));
            Assert.That(update.JobMetrics, Is.EqualTo("actualCoreCount=8 gwStrategy=cvmfs-flat gwLauncher=rootless gwBytes=0 gwPrepTime=7"));
            Assert.That((update.CpuConsumptionTime, update.CpuConsumptionUnit, update.MaxRss), Is.EqualTo((80, "s+X 8-Core", 3072)));
            Assert.That((update.StartTime, update.EndTime), Is.EqualTo((Samples.Start, Samples.Start.AddSeconds(120))));
        }
    }

    private static IEnumerable<TestCaseData> Endings()
    {
        yield return Ending("exit_1", Good with { ExitCode = 1 }, 1, 1305, "exited with 1");
        yield return Ending("exit_255_is_not_reported_as_0", Good with { ExitCode = 255 }, 255, 1305, "255");
        yield return Ending("out_of_memory", Good with { ExitCode = 137, Signal = 9, OomKilled = true }, 137, 1212, "memory limit");
        yield return Ending("exit_137_without_evidence", Good with { ExitCode = 137 }, 137, 1305, "possibly");
        yield return Ending("segmentation_fault", Good with { ExitCode = 139, Signal = 11 }, 139, 1328, "signal 11");
        yield return Ending("time_limit", Good with { ExitCode = 143, StopReason = StopReason.Timeout }, 143, 1213, "time limit");
        yield return Ending("lost_heartbeat", Good with { ExitCode = 143, StopReason = StopReason.LostHeartbeat }, 143, 1318, "did not answer");
        yield return Ending("memory", Good with { ExitCode = 137, StopReason = StopReason.Memory }, 137, 1235, "memory");
        yield return Ending("looping", Good with { ExitCode = 143, StopReason = StopReason.Looping }, 143, 1150, "no progress");
        yield return Ending("command_missing", Good with { ExitCode = 127, ExecErrno = "ENOENT" }, 127, 1305, "ENOENT");
        yield return Ending("stopped_although_it_exited_0", Good with { StopReason = StopReason.Timeout }, 0, 1213, "time limit");
    }

    [TestCaseSource(nameof(Endings))]
    public void A_payload_that_fails(object run, int exit, int pilot, string diagnosis)
    {
        JobUpdate update = ReportMapper.Final(Job, Finished with { Run = (RunResult)run, LogExtract = "extract" });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(update.JobStatus, Is.EqualTo("failed"));
            Assert.That((update.TransExitCode, update.PilotErrorCode), Is.EqualTo((exit, pilot)));
            Assert.That(update.PilotErrorDiag, Does.Contain(diagnosis));
            Assert.That(update.PilotLog, Is.EqualTo("extract"));
            Assert.That(JObject.Parse(update.JobOutputReport!).Properties().Select(static p => p.Name), Is.EqualTo(new[] { "log.tgz" }), "only the log");
        }
    }

    [TestCase(2, 1208)]
    [TestCase(3, 1202)]
    [TestCase(15, 1201)]
    [TestCase(24, 1204)]
    [TestCase(1, 1200)]
    public void A_signal_to_the_wrapper(int signal, int pilot)
    {
        RunResult run = Good with { ExitCode = 143, Signal = 15, StopReason = StopReason.Cancelled };
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ReportMapper.Final(Job, Finished with { Run = run, SignalReceived = signal }).PilotErrorCode, Is.EqualTo(pilot));
            Assert.That(ReportMapper.Final(Job, Finished with { Run = null, SignalReceived = signal }).PilotErrorCode, Is.EqualTo(pilot), "before the start");
        }
    }

    [Test]
    public void A_kill_by_the_server_reports_no_outputs()
    {
        RunResult run = Good with { ExitCode = 143, Signal = 15, StopReason = StopReason.Cancelled };
        JobUpdate update = ReportMapper.Final(Job, Finished with { Run = run, KilledByServer = true, SignalReceived = 15 });
        using (Assert.EnterMultipleScope())
        {
            Assert.That((update.JobStatus, update.PilotErrorCode, update.JobOutputReport), Is.EqualTo(("failed", 1144, (string?)null)));
            Assert.That(update.PilotErrorDiag, Does.Contain("tobekilled"));
        }
    }

    [Test]
    public void A_failure_of_ours()
    {
        JobUpdate update = ReportMapper.Final(Job, Finished with { Run = null, Failure = ImageMissing, Outputs = new OutputSet(), Log = null });
        using (Assert.EnterMultipleScope())
        {
            Assert.That((update.JobStatus, update.TransExitCode, update.PilotErrorCode, update.ExeErrorCode), Is.EqualTo(("failed", 125, 1360, 1360)));
            Assert.That(update.PilotErrorDiag, Is.EqualTo("no such image in the registry"));
            Assert.That(update.ExeErrorDiag, Is.EqualTo("no such image in the registry"));
            Assert.That(update.JobOutputReport, Is.Null);
            Assert.That(update.JobMetrics, Does.EndWith(" gwStep=fetch-manifest"));
        }
    }

    [TestCase(true, -1137)]
    [TestCase(false, 1137)]
    public void Recoverable_errors_of_user_jobs_are_negative(bool analysis, int code)
    {
        Failure failure = ImageMissing with { PilotErrorCode = PilotError.StageOutFailed };
        Assert.That(ReportMapper.Final(Job with { IsAnalysis = analysis }, Finished with { Failure = failure }).PilotErrorCode, Is.EqualTo(code));
    }

    [Test]
    public void Missing_outputs_fail_the_job_even_if_nobody_else_says_so()
    {
        JobUpdate update = ReportMapper.Final(Job, Finished with { Outputs = Finished.Outputs with { Missing = ["c.root"] } });
        using (Assert.EnterMultipleScope())
        {
            Assert.That((update.JobStatus, update.PilotErrorCode), Is.EqualTo(("failed", PilotError.MissingOutputFile)));
            Assert.That(update.PilotErrorDiag, Does.Contain("c.root"));
        }
    }

    [Test]
    public void A_document_that_is_no_job_can_be_reported_from_its_number_alone()
    {
        Failure failure = GridWrapperException.BadInput("read-job", "the -o map is not a literal\nno image").Failure;
        JobUpdate update = ReportMapper.RejectedDocument(42, null, failure);
        Assert.That(
            (update.JobId, update.JobStatus, update.AttemptNr, update.TransExitCode, update.PilotErrorCode, update.PilotErrorDiag),
            Is.EqualTo((42, "failed", (int?)null, 64, 1349, "the -o map is not a literal no image")));
    }

    [Test]
    public void The_first_updates_say_little()
    {
        JobUpdate starting = ReportMapper.Starting(Job);
        JobUpdate running = ReportMapper.Running(Job, Samples.Start, "tail", null);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((starting.JobStatus, starting.IsFinal, starting.PilotErrorCode, starting.CoreCount), Is.EqualTo(("starting", false, (int?)null, 8)));
            Assert.That((running.JobStatus, running.StartTime, running.Stdout), Is.EqualTo(("running", Samples.Start, "tail")));
        }
    }

    [Test]
    public void Metrics_hold_whole_words_within_the_limit()
    {
        string metrics = ReportMapper.Final(Job, Finished with { Launcher = new string('l', 600), Strategy = "two words" }).JobMetrics!;
        Assert.That(metrics, Is.EqualTo("actualCoreCount=8 gwBytes=0 gwPrepTime=7"));
    }

    [Test]
    public void The_identity_of_a_job()
    {
        JobRequest request = new()
        {
            PandaId = 42,
            Attempt = 3,
            Image = new ImageReference.OciLayout("/image", null),
            Exec = "true",
            Transformation = "http://x/trf/user/runcontainer",
            CoreCount = 4,
        };
        Dictionary<string, string> environment = new() { ["PANDA_JSID"] = "h-1", ["PANDA_HOSTNAME"] = "", ["GTAG"] = "http://log/1", ["SLURM_JOB_ID"] = "77" };
        JobIdentity identity = JobIdentity.Of(request, Samples.Node, "QUEUE", environment.GetValueOrDefault)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(identity.IsAnalysis, Is.True);
            Assert.That((identity.SchedulerId, identity.Node, identity.PilotId, identity.BatchId), Is.EqualTo(("h-1", "node1.example", "http://log/1|gridwrap", "77")));
            Assert.That((identity.CpuUnit, identity.CpuLevel), Is.EqualTo(("s+Fine CPU @ 3 GHz 16-Core+AVX2", "x86_64-v3")));
            Assert.That(JobIdentity.Of(request with { PandaId = null }, Samples.Node, "QUEUE", static _ => null), Is.Null);
        }
    }

    [Test]
    public void The_servers_adder_accepts_a_finished_report()
    {
        WorkloadJob job = new(JObject.Parse(PandaBench.Job(outFiles: "a.root,b.txt,log.tgz")));
        Assert.That(OutputAdder.Judge(job, ReportMapper.Final(Job, Finished).JobOutputReport), Is.Null);
    }

    private static TestCaseData Ending(string name, RunResult run, int exit, int pilot, string diagnosis) =>
        new TestCaseData(run, exit, pilot, diagnosis).SetName("A_payload_that_fails_by_" + name);
}
