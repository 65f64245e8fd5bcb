using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Payloads that have too much of something, through both launchers, without a control group: what ends them, and what the account says.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class LimitTests : EndToEndFixture
{
    private const string MemoryHog = "x=$(head -c 90000000 /dev/zero | tr '\\0' a); sleep 100";
    private const string Burner = "while :; do :; done";
    private const string DiskFiller = "dd if=/dev/zero of=big bs=1M count=30 2>/dev/null; sleep 100";
    private const string Crowd = "for i in $(seq 40); do sleep 100 & done; wait";

    [OneTimeSetUp]
    public async Task TreeAsync() => await Tool.RunAsync(Testbed.Script("trixie.sh"));

    [Test]
    [Tests.Provokes(Diagnostics.PilotError.PayloadExceedMaxMem, Diagnostics.PilotError.ReachedMaxTime, Diagnostics.PilotError.UserDirectoryTooLarge, Diagnostics.PilotError.OutputFileTooLarge, Diagnostics.PilotError.LoopingJob)]
    public async Task A_limit_ends_the_payload_and_is_named(
        [Values("rootless", "apptainer")] string launcher,
        [Values("memory", "cpu", "disk", "output-file", "looping")] string what,
        CancellationToken ct)
    {
        (string limit, string script, string step, int code, string reason) = what switch
        {
            "memory" => ("\"memoryBytes\": 40000000", MemoryHog, "limit-memory", 1235, "memory"),
            "cpu" => ("\"cpuSeconds\": 1", Burner, "limit-cpu", 1213, "cpu"),
            "disk" => ("\"diskBytes\": 10000000", DiskFiller, "limit-disk", 1104, "disk"),
            "output-file" => ("\"outputFileBytes\": 10000000", DiskFiller, "limit-output-file", 1124, "disk"),
            _ => ("\"loopingSeconds\": 2", "sleep 100", "looping", 1150, "looping"),
        };
        Area area = InTrixie();
        Outcome outcome = await area.RunAsync(ct, "--launcher", launcher, "--site", Profile(area, limit), "-p", Uri.EscapeDataString(script), "--containerImage", Testbed.ReadableTree);
        JObject result = area.Result;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(143).Or.EqualTo(137), outcome.ToString());
            Assert.That((string?)result["payload"]!["stopReason"], Is.EqualTo(reason));
            Assert.That(result.SelectToken("payload.oomKilled")!.Value<bool>(), Is.False);
            Assert.That(
                ((string?)result.SelectToken("failure.blame"), (string?)result.SelectToken("failure.phase"), (string?)result.SelectToken("failure.step"), (int?)result.SelectToken("failure.pilotErrorCode")),
                Is.EqualTo(("user", "payload", step, (int?)code)));
            Assert.That((string?)result.SelectToken("failure.message"), Does.Contain("of the site profile hasty allows"));
            Assert.That((int)area.ReadJson("payload_error_report.json")["error_code"]!, Is.EqualTo(code));
            Assert.That(outcome.Stderr, Does.Contain($"[step={step} pilot={code}]"));
        }
    }

    [Test]
    public async Task A_crowd_is_ended_or_kept_small([Values("rootless", "apptainer")] string launcher, CancellationToken ct)
    {
        Area area = InTrixie();
        Outcome outcome = await area.RunAsync(
            ct, "--launcher", launcher, "--site", Profile(area, "\"processes\": 20"), "--timeout", "5", "-p", Uri.EscapeDataString(Crowd), "--containerImage", Testbed.ReadableTree);
        JToken most = area.Result.SelectToken("payload.usage.maxThreads")!;
        if (launcher == "rootless" && Environment.OSVersion.Version >= new Version(5, 14))
        {
            // The kernel holds it: fork fails in the shell, which goes on or gives up as shells do.
            Assert.That((int)most, Is.LessThanOrEqualTo(21), outcome.ToString());
            return;
        }

        Assert.That(
            ((string?)area.Result["payload"]!["stopReason"], (int?)area.Result.SelectToken("failure.pilotErrorCode")),
            Is.EqualTo(("processes", (int?)1344)),
            outcome.ToString());
    }

    [Test]
    public async Task Shared_and_forked_memory_within_the_limit_is_let_be([Values("rootless", "apptainer")] string launcher, CancellationToken ct)
    {
        Area area = InTrixie();
        string script = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); for i in 1 2 3 4; do (sleep 3) & done; wait; echo fine";
        Outcome outcome = await area.RunAsync(
            ct, "--launcher", launcher, "--site", Profile(area, "\"memoryBytes\": 80000000"), "-p", Uri.EscapeDataString(script), "--containerImage", Testbed.ReadableTree);
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((0, "fine\n")), outcome.ToString());
        Assert.That((long)area.Result.SelectToken("payload.usage.maxRssBytes")!, Is.GreaterThan((long)area.Result.SelectToken("payload.usage.maxPssBytes")!));
    }

    [Test]
    public async Task Samples_lie_in_prmons_form_where_the_payload_outlived_the_first_interval([Values("rootless", "apptainer")] string launcher, CancellationToken ct)
    {
        Area area = InTrixie();
        string script = "x=$(head -c 30000000 /dev/zero | tr '\\0' a); i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; cat /bin/busybox > /dev/null; sleep 2";
        Outcome outcome = await area.RunAsync(ct, "--launcher", launcher, "--site", Profile(area, ""), "-p", Uri.EscapeDataString(script), "--containerImage", Testbed.ReadableTree);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        string[] lines = area.ReadText("memory_monitor_output.txt").TrimEnd('\n').Split('\n');
        JObject summary = area.ReadJson("memory_monitor_summary.json");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines.Skip(1).Select(l => l.Split('\t').Length), Is.Not.Empty.And.All.EqualTo(lines[0].Split('\t').Length));
            Assert.That((long)summary.SelectToken("Max.rss")!, Is.GreaterThan(29_000));
            Assert.That((long)summary.SelectToken("Max.rchar")!, Is.GreaterThan(500_000));
            Assert.That((int)summary.SelectToken("Max.nprocs")!, Is.Positive);
            Assert.That((long)area.Result.SelectToken("payload.usage.maxRssBytes")! / 1024, Is.EqualTo((long)summary.SelectToken("Max.rss")!));
        }
    }

    [Test]
    public async Task A_short_payload_leaves_no_monitor_files(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "-p", "true", "--containerImage", Testbed.ReadableTree);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        Assert.That(Directory.GetFiles(area.JobDirectory, "memory_monitor*"), Is.Empty);
    }

    [Test]
    public async Task Another_monitors_files_stay(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "--site", Profile(area, ""), "-p", Uri.EscapeDataString("echo mine > memory_monitor_output.txt; sleep 2"), "--containerImage", Testbed.ReadableTree);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        Assert.That((area.ReadText("memory_monitor_output.txt"), File.Exists(area.JobFile("memory_monitor_summary.json"))), Is.EqualTo(("mine\n", false)));
    }

    [Test]
    public async Task Exec_takes_a_memory_limit([Values("rootless", "apptainer")] string launcher, CancellationToken ct)
    {
        Area area = InTrixie();
        Outcome outcome = await area.RunAsync(ct, "exec", "--launcher", launcher, "--memory-limit", "40M", "--site", Profile(area, ""), Testbed.ReadableTree, "--", "/bin/sh", "-c", MemoryHog);
        Assert.That(outcome.ExitCode, Is.EqualTo(143).Or.EqualTo(137), outcome.ToString());
        Assert.That(outcome.Stderr, Does.Contain("--memory-limit allows 40 MiB").And.Contain("pilot=1235"));
    }

    [Test]
    public async Task A_job_brings_its_limits_where_no_pilot_has_them(CancellationToken ct)
    {
        Area area = NewArea();
        TestJob job = new() { Image = Testbed.ReadableTree, Exec = "dd if=/dev/zero of=big bs=1M count=30 2>/dev/null; sleep 100" };
        JObject json = JObject.Parse(job.Json);
        json["maxDiskCount"] = 10;
        string site = Profile(area, "\"fromJob\": \"always\"");
        Outcome outcome = await area.RunAsync(ct, "run", "--site", site, "--job", area.Write("job.json", json.ToString()));
        Assert.That((string?)area.Result.SelectToken("failure.message"), Does.Contain("1.1 times the job's maxDiskCount allows 11 MiB"), outcome.ToString());
    }

    private static string Profile(Area area, string limits) => area.Write(
        "site.json", $"{{ \"name\": \"hasty\", \"graceSeconds\": 1, \"limits\": {{ \"sampleSeconds\": 0.5, \"directorySeconds\": 0.5{(limits.Length > 0 ? ", " + limits : "")} }} }}");

    private Area InTrixie()
    {
        Area area = Register(new Area(12345));
        area.Entrance = [Testbed.Script("in-trixie.sh"), "--user", "--cd", area.JobDirectory, "--"];
        return area;
    }
}
