using System.Text.RegularExpressions;
using GridWrapper.Tests.Documentation;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>What the file needs of a node, and what it leaves there.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed partial class FootprintTests : EndToEndFixture
{
    /// <summary>Shell text for a private mount namespace: everything is read-only but the job directory and the cache.</summary>
    private const string ReadOnlyMachine = """
        set -e
        for d in "$1/job" "$1/cache"; do mount --bind "$d" "$d"; done
        mount -o remount,bind,ro /
        cd "$1/job"
        shift
        exec "$@"
        """;

    /// <summary>The same for directories from which nothing may be executed.</summary>
    private const string NoExecution = """
        set -e
        for d in tmp cache job; do mount -t tmpfs -o noexec,nosuid,nodev,mode=0700,uid="$2" none "$1/$d"; done
        cd "$1/job"
        shift 2
        exec "$@"
        """;

    [Test]
    public async Task A_machine_that_is_read_only_but_for_job_directory_and_cache_is_enough(CancellationToken ct)
    {
        Area area = NewArea();
        string job = area.Write("job.json", new TestJob().Json);
        area.Variables["TMPDIR"] = "";
        area.Entrance = Private(area, ReadOnlyMachine, area.Root);
        Outcome outcome = await area.RunAsync(ct, "run", "--job", job);
        Assert.That((outcome.ExitCode, outcome.Stdout, outcome.Stderr), Is.EqualTo((0, TestJob.Content, "")), outcome.ToString());
        Assert.That(area.ReadText(TestJob.Lfn), Is.EqualTo(TestJob.Content));
    }

    [TestCase(null)]
    [TestCase("/nonexistent")]
    [TestCase("/root")]
    [TestCase("/proc/1")]
    public async Task The_home_directory_does_not_matter(string? home, CancellationToken ct)
    {
        Area area = NewArea();
        if (home is not null)
        {
            area.Variables["HOME"] = home;
        }

        Outcome outcome = await area.RunAsync(ct, "exec", $"docker://{Testbed.Repository}:gzip", "--", "/bin/sh", "-c", "echo $HOME");
        Assert.That((outcome.ExitCode, outcome.Stderr), Is.EqualTo((0, "")), outcome.ToString());
    }

    [Test]
    public async Task Nothing_is_executed_from_temporary_directory_cache_or_job_directory(CancellationToken ct)
    {
        Area area = NewArea();
        area.Entrance = Private(area, NoExecution, area.Root, $"{area.Uid}");
        Outcome outcome = await area.RunAsync(ct, "exec", Testbed.ReadableTree, "--", "cat", "/data/overwritten");
        Assert.That((outcome.ExitCode, outcome.Stdout, outcome.Stderr), Is.EqualTo((0, "new\n", "")), outcome.ToString());
    }

    [Test]
    public async Task The_payload_has_its_own_tmp_and_processes_and_leaves_the_host_alone(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "exec", Testbed.ReadableTree, "--", "/bin/sh", "-c",
            "touch /tmp/mark /var/tmp/mark /dev/shm/mark; ls /tmp/mark; ps | wc -l; touch /data/x 2>&1 | sed 's/.*: //'; (sleep 1000 &) ; id -u");
        string[] lines = outcome.Stdout.TrimEnd('\n').Split('\n');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(lines[0], Is.EqualTo("/tmp/mark"));
            Assert.That(int.Parse(lines[1]), Is.LessThan(10), "processes of the host are seen");
            Assert.That(lines[2], Is.EqualTo("Read-only file system"));
            Assert.That(lines[3], Is.EqualTo($"{area.Uid}"));
            Assert.That(File.Exists("/tmp/mark"), Is.False);
        }
    }

    [Test]
    public async Task A_dry_run_writes_nothing(CancellationToken ct)
    {
        Area area = NewArea();
        string job = area.Write("job.json", new TestJob().Json);
        Outcome outcome = await area.RunAsync(ct, "--dry-run", "--json", "run", "--job", job);
        JObject document = JObject.Parse(outcome.Stdout);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Stderr), Is.EqualTo((0, "")));
            Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/dry-run.schema.json", outcome.Stdout), Is.Empty);
            Assert.That((string?)document["job"]!["exec"], Is.EqualTo("payload out.json"));
            Assert.That((string?)document["job"]!["outputs"]![0]!["lfn"], Is.EqualTo(TestJob.Lfn));
            Assert.That((string?)document["plan"]!["chosen"]!["strategy"], Is.EqualTo("registry"));
            Assert.That(document["launch"]!["operations"]!.Count(), Is.GreaterThan(5));
            Assert.That(Directory.GetFileSystemEntries(area.JobDirectory), Is.Empty);
            Assert.That(Directory.GetFileSystemEntries(area.Cache), Is.Empty);
        }
    }

    [Test]
    public async Task The_wrapper_is_small_while_a_payload_sleeps(CancellationToken ct)
    {
        Area area = NewArea();
        using StartedRun run = area.Start(null, "exec", Testbed.ReadableTree, "--", "/bin/sh", "-c", "touch began; sleep 2");
        await run.UntilAsync(() => File.Exists(area.JobFile("began")), ct);
        string peak = File.ReadLines($"/proc/{run.Id}/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        await run.EndAsync(ct);
        Assert.That(int.Parse(peak.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^2]), Is.LessThan(60_000), peak);
    }

    [Test]
    public async Task The_self_test_runs_everything_that_this_machine_allows(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "selftest");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(outcome.Stdout, Does.Match(@"\n[1-9][0-9]* passed, 0 failed, [0-9]+ not possible on this node\n$"));
            Assert.That(outcome.Stdout, Does.Contain("server: finished"));
            Assert.That(outcome.Stdout, Does.Match("\nsif +rootless +ok "), "an image file that gridwrap wrote itself");
        }
    }

    [Test]
    public async Task The_probe_tells_the_facts_in_a_document(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "probe", "--json");
        JObject facts = JObject.Parse(outcome.Stdout);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Stderr), Is.EqualTo((0, "")));
            Assert.That((bool)facts["namespaces"]!["value"]!["rootlessPossible"]!, Is.True, outcome.Stdout);
            Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/probe.schema.json", outcome.Stdout), Is.Empty);
            Assert.That((int)facts["node"]!["uid"]!, Is.EqualTo(area.Uid));
            Assert.That(outcome.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)), "under a second on an idle machine");
        }
    }

    [Test]
    public void The_file_is_small() => Assert.That(new FileInfo(Testbed.Program).Length, Is.LessThan(60_000_000));

    [Test]
    public async Task It_asks_for_nothing_newer_than_glibc_2_28()
    {
        // The host program's own needs, and as texts those of every library that is packed into the file.
        string needs = File.Exists("/usr/bin/readelf") ? await Tool.RunAsync("/usr/bin/readelf", "-V", "-W", Testbed.Program) : "";
        HashSet<string> versions = [.. NeededGlibc().Matches(needs).Concat(NeededGlibc().Matches(Encoding.Latin1.GetString(await File.ReadAllBytesAsync(Testbed.Program)))).Select(m => m.Groups[1].Value)];
        Assert.That(versions, Is.Not.Empty);
        Assert.That(versions.Select(v => Version.Parse(v)), Is.All.LessThanOrEqualTo(new Version(2, 28)));
    }

    /// <summary>unshare, a shell text with its arguments, and setpriv behind it.</summary>
    private static string[] Private(Area area, string text, params string[] arguments) =>
        ["/usr/bin/unshare", "-m", "/bin/sh", "-c", text, "sh", .. arguments, "/usr/bin/setpriv", "--reuid", $"{area.Uid}", "--regid", $"{area.Uid}", "--clear-groups", "--"];

    [GeneratedRegex(@"GLIBC_([0-9]+\.[0-9]+(?:\.[0-9]+)?)")]
    private static partial Regex NeededGlibc();
}
