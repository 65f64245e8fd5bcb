using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Tests.Planning;
using GridWrapper.Tests.Reporting;

namespace GridWrapper.Tests.Running;

/// <summary>What ends a whole job other than its payload: files and words from outside, credentials, limits.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class JobFailureTests
{
    [Test]
    [Provokes(PilotError.UserKill)]
    public async Task A_file_in_the_job_directory_ends_the_payload()
    {
        using JobBench bench = new() { KillFileInterval = TimeSpan.FromMilliseconds(20) };
        JobOutcome outcome = await bench.RunAsync($"touch {KillFile.Name}; while :; do sleep 0.05; done");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Failure?.Blame, outcome.Failure?.Step, outcome.Failure?.ExitCode), Is.EqualTo(((Blame?)Blame.User, "kill-file", (int?)143)));
            Assert.That((bench.Last.JobStatus, bench.Last.PilotErrorCode), Is.EqualTo(("failed", (int?)PilotError.UserKill)));
            Assert.That(bench.Last.PilotErrorDiag, Does.Contain(Path.Combine(bench.Directory, KillFile.Name)));
        }
    }

    [Test]
    public async Task A_file_in_the_pilots_home_ends_the_payload_and_under_a_pilot_nobody_looks()
    {
        using JobBench bench = new() { KillFileInterval = TimeSpan.FromMilliseconds(20) };
        string home = Directory.CreateDirectory(bench.Directory + ".home").FullName;
        await File.WriteAllTextAsync(Path.Combine(home, KillFile.Name), "");
        bench.Settings = bench.Settings with { Environment = new Dictionary<string, string> { ["PILOT_HOME"] = home } };
        await bench.RunAsync("while :; do sleep 0.05; done");
        Assert.That(bench.Last.PilotErrorCode, Is.EqualTo(PilotError.UserKill));

        using JobBench piloted = new() { KillFileInterval = TimeSpan.FromMilliseconds(20) };
        piloted.Settings = piloted.Settings with { Server = null, Environment = bench.Settings.Environment };
        JobOutcome outcome = await piloted.RunAsync("sleep 0.3");
        Assert.That((outcome.Failure, outcome.Image?.Result?.ExitCode), Is.EqualTo(((Failure?)null, (int?)0)));
    }

    [Provokes(PilotError.Preemption)]
    [TestCase("K8S_JOB_ID", null, PilotError.Preemption)]
    [TestCase("MACHINEFEATURES", "shutdowntime", PilotError.Preemption)]
    [TestCase("JOBFEATURES", "shutdowntime_job", PilotError.Preemption)]
    [TestCase("MACHINEFEATURES", "later", PilotError.SigTerm)]
    [TestCase("OTHER", null, PilotError.SigTerm)]
    public async Task A_node_that_is_taken_away_preempts_the_job(string variable, string? file, int pilot)
    {
        using JobBench bench = new() { Began = static control => control.Stop.RequestStop(StopReason.Cancelled, 15) };
        string features = Directory.CreateDirectory(bench.Directory + ".features").FullName;
        long goes = DateTimeOffset.UtcNow.ToUnixTimeSeconds() + (file == "later" ? 100_000 : 60);
        await File.WriteAllTextAsync(Path.Combine(features, file is null or "later" ? "shutdowntime" : file), $"{goes}\n");
        bench.Settings = bench.Settings with { Environment = new Dictionary<string, string> { [variable] = file is null ? "7" : features } };
        await bench.RunAsync("sleep 30");
        Assert.That((bench.Last.JobStatus, bench.Last.PilotErrorCode), Is.EqualTo(("failed", (int?)pilot)), bench.Last.PilotErrorDiag);
    }

    [Provokes(PilotError.JobAlreadyRunning)]
    [TestCase("badattemptnr", "another attempt of it is the current one")]
    [TestCase("alreadydone", "it has ended already")]
    public async Task A_job_that_somebody_else_has_is_not_run(string word, string says)
    {
        using JobBench bench = new() { Manager = new ScriptedManager(_ => ScriptedManager.Commanding(word)) };
        JobOutcome outcome = await bench.RunAsync("touch ran");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Failure?.PilotErrorCode, outcome.Failure?.Blame, outcome.Failure?.Phase), Is.EqualTo(((int?)PilotError.JobAlreadyRunning, (Blame?)Blame.Server, (Phase?)Phase.Job)));
            Assert.That(outcome.Failure?.Message, Does.Contain("job 42, attempt 1").And.Contain(says));
            Assert.That(File.Exists(Path.Combine(bench.Directory, "ran")), Is.False);
            Assert.That(bench.Manager.Updates.Select(static u => u.JobStatus), Is.EqualTo(new[] { "starting" }), "and nothing more is sent");
        }
    }

    [Test]
    [Provokes(PilotError.PandaKill)]
    public async Task The_server_ends_a_job_before_it_began()
    {
        using JobBench bench = new() { Manager = new ScriptedManager(u => u.JobStatus == "starting" ? ScriptedManager.Commanding("tobekilled") : ScriptedManager.Accepted) };
        await bench.RunAsync("sleep 30");
        Assert.That((bench.Last.JobStatus, bench.Last.PilotErrorCode), Is.EqualTo(("failed", (int?)PilotError.PandaKill)));
    }

    [Provokes(PilotError.VomsProxyAboutToExpire, PilotError.CertificateHasExpired)]
    [TestCase(5, PilotError.VomsProxyAboutToExpire, "is about to end, at")]
    [TestCase(-5, PilotError.CertificateHasExpired, "ended at")]
    [TestCase(30, 0, "")]
    public async Task A_proxy_that_a_payload_could_do_nothing_with(int minutes, int pilot, string words)
    {
        using JobBench bench = new();
        string proxy = bench.Directory + ".proxy";
        await File.WriteAllTextAsync(proxy, new TestCertificates().ProxyPem(DateTimeOffset.UtcNow.AddMinutes(minutes)));
        bench.Settings = bench.Settings with
        {
            Site = bench.Settings.Site with { Environment = new EnvironmentPolicy { GiveProxy = true } },
            Environment = new Dictionary<string, string> { ["X509_USER_PROXY"] = proxy },
        };
        JobOutcome outcome = await bench.RunAsync("true");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((bench.Last.PilotErrorCode, outcome.Failure?.ExitCode), Is.EqualTo(((int?)pilot, pilot == 0 ? (int?)null : 75)), outcome.Failure?.Message);
            Assert.That(outcome.Failure?.Message ?? "", Does.Contain(words));
        }
    }

    [Provokes(PilotError.StdoutTooBig, PilotError.ReachedMaxTime, PilotError.UserDirectoryTooLarge, PilotError.OutputFileTooLarge, PilotError.LoopingJob)]
    [TestCase("stdout", "yes", PilotError.StdoutTooBig, "limit-stdout")]
    [TestCase("cpu", "while :; do :; done", PilotError.ReachedMaxTime, "limit-cpu")]
    [TestCase("disk", "head -c 30000000 /dev/zero > big; sleep 30", PilotError.UserDirectoryTooLarge, "limit-disk")]
    [TestCase("file", "head -c 30000000 /dev/zero > big; sleep 30", PilotError.OutputFileTooLarge, "limit-output-file")]
    [TestCase("looping", "sleep 30", PilotError.LoopingJob, "looping")]
    public async Task A_limit_ends_the_payload(string what, string exec, int pilot, string step)
    {
        using JobBench bench = new();
        LimitPolicy limits = new() { SampleSeconds = 0.2, DirectorySeconds = 0.3, Cgroup = "off" };
        bench.Settings = bench.Settings with
        {
            Site = Plans.Site with
            {
                GraceSeconds = 1,
                Limits = what switch
                {
                    "stdout" => limits with { StdoutBytes = 1_000_000 },
                    "cpu" => limits with { CpuSeconds = 1 },
                    "disk" => limits with { DiskBytes = 10_000_000 },
                    "file" => limits with { OutputFileBytes = 10_000_000 },
                    _ => limits with { LoopingSeconds = 1 },
                },
            },
        };
        JobOutcome outcome = await bench.RunAsync(exec);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Failure?.PilotErrorCode, outcome.Failure?.Step, outcome.Failure?.Blame, outcome.Failure?.Phase), Is.EqualTo(((int?)pilot, step, (Blame?)Blame.User, (Phase?)Phase.Payload)), outcome.Failure?.Message);
            Assert.That(bench.Last.PilotErrorCode, Is.EqualTo(pilot));
        }
    }

    [Test]
    [Provokes(PilotError.MissingInputFile)]
    public async Task An_input_that_nobody_staged_in()
    {
        using JobBench bench = new();
        await bench.RunAsync(JobBench.Job("cat %IN") with { Inputs = ["data.root"] });
        Assert.That((bench.Last.PilotErrorCode, bench.Last.PilotErrorDiag), Is.EqualTo(((int?)PilotError.MissingInputFile, $"the job's inputs data.root are not in {bench.Directory}: who runs gridwrap has to stage them in first")));
    }

    [Test]
    [Provokes(PilotError.Mkdir)]
    public async Task A_cache_that_cannot_be_made()
    {
        using JobBench bench = new();
        string file = bench.Directory + ".file";
        await File.WriteAllTextAsync(file, "");
        bench.Settings = bench.Settings with { CacheDirectory = file + "/cache" };
        JobOutcome outcome = await bench.RunAsync("true");
        Assert.That((bench.Last.PilotErrorCode, outcome.Failure?.Blame, outcome.Failure?.Errno, outcome.Failure?.ExitCode), Is.EqualTo(((int?)PilotError.Mkdir, (Blame?)Blame.Site, "EEXIST", (int?)75)), outcome.Failure?.Message);
    }

    [Test]
    [Provokes(PilotError.QueueNotSetUpForContainers)]
    public async Task A_profile_that_leaves_no_launcher()
    {
        using JobBench bench = new();
        bench.Settings = bench.Settings with { Site = Plans.Site with { Launchers = ["two"] } };
        JobOutcome outcome = await bench.RunAsync("true");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((bench.Last.PilotErrorCode, outcome.Failure?.Blame, outcome.Failure?.ExitCode), Is.EqualTo(((int?)PilotError.QueueNotSetUpForContainers, (Blame?)Blame.Site, (int?)75)));
            Assert.That(outcome.Failure?.Message, Does.Contain("the site profile does not list this launcher"));
        }
    }
}
