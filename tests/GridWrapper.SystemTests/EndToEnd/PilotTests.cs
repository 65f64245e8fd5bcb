using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>The mini pilot, Harvester's push mode, multi-step jobs and looks at a running job, each with the real program.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(300_000)]
internal sealed class PilotTests : EndToEndFixture
{
    private const string Quick = "{ \"name\": \"quick\", \"panda\": { \"pullPauseSeconds\": 0.2, \"pullTries\": 2, \"heartbeatSeconds\": 1 } }";

    [Test]
    public async Task It_runs_jobs_until_the_queue_is_drained(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long[] ids = [.. Enumerable.Range(0, 3).Select(i => AddJob(server, 5012345600 + i, i == 1 ? "exit 9" : "payload out.json"))];
        area.Variables["HARVESTER_ID"] = "h1";
        area.Variables["HARVESTER_WORKER_ID"] = "42";
        Outcome outcome = await area.RunAsync(ct, [.. Pull(server), "--jobs", "10", "--lifetime", "600", "--json", "--site", area.Write("site.json", Quick)]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(ids.Select(id => server.State.Updates.Where(u => u.JobId == id).Select(u => u.Status).Last()), Is.EqualTo((string[])["finished", "failed", "finished"]));
            Assert.That(ids.Select(id => File.Exists(area.JobFile($"PanDA_Pilot-{id}/gridwrap-result.json"))), Is.All.True);
            Assert.That(JArray.Parse(outcome.Stdout).Select(j => (long)j["job"]!["pandaId"]!), Is.EqualTo(ids));
            Assert.That(server.State.Told.Select(t => $"{t.Method} {t.Arguments["status"]}"), Does.Contain("update_worker_status started").And.Contain("update_worker_status finished").And.Contain("update_worker_node "));
        }
    }

    [Test]
    public async Task Harvester_hands_a_job_down_and_passes_its_state_on(CancellationToken ct)
    {
        Area area = NewArea();
        string shared = Directory.CreateDirectory(area.JobFile("shared")).FullName;
        TestJob job = new() { PandaId = 5012345678, Exec = "payload out.json" };
        await File.WriteAllTextAsync(Path.Combine(shared, "pandaJobData.out"), new JObject { ["5012345678"] = JObject.Parse(job.Json) }.ToString(), ct);
        area.Variables["HARVESTER_WORKDIR"] = shared;
        OpenToAll(shared);
        Outcome outcome = await area.RunAsync(ct, "run", "--pull-job");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        JObject dump = JObject.Parse(await File.ReadAllTextAsync(Path.Combine(shared, "event_status.dump.json"), ct));
        JObject attributes = JObject.Parse(await File.ReadAllTextAsync(Path.Combine(shared, "worker_attributes.json"), ct));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(dump["5012345678"]!.Select(f => (string?)f["type"]), Is.EqualTo((string[])["output", "log"]));
            Assert.That(dump["5012345678"]!.All(f => File.Exists((string)f["path"]!)), Is.True);
            Assert.That((string?)dump["5012345678"]![0]!["chksum"], Is.EqualTo(TestJob.Adler32));
            Assert.That((string?)attributes["5012345678"]!["jobStatus"], Is.EqualTo("finished"));
            Assert.That(File.Exists(Path.Combine(shared, "pandaJobData.out")), Is.False, "it is taken");
        }
    }

    [Test]
    public async Task A_multi_step_job_is_prepared_and_finished_by_its_own_transform(CancellationToken ct)
    {
        const string transform = """
            #!/bin/sh
            case $1 in
            --preprocess) mkdir workDir; printf 'cd workDir\npayload out.json\n' >__run_main_exec.sh; echo prepared ;;
            --postprocess) mv workDir/out.json "$OUT"; echo finished ;;
            esac
            """;
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        server.AddFile("runGen-00-00-02", Encoding.UTF8.GetBytes(transform.Replace("$OUT", TestJob.Lfn, StringComparison.Ordinal)));
        TestJob job = new() { PandaId = 5012345700, Exec = "false" };
        JObject document = JObject.Parse(job.Json);
        string url = new Uri(server.Address, "/cache/runGen-00-00-02").ToString();
        document["preprocess"] = new JObject { ["command"] = url, ["args"] = "--preprocess -j \"\"" };
        document["postprocess"] = new JObject { ["command"] = url, ["args"] = "--postprocess -j \"\"" };
        document["containerOptions"] = new JObject { ["containerExec"] = "cat __run_main_exec.sh; /bin/sh __run_main_exec.sh", ["execArgs"] = "--nocvmfs --nohome" };
        server.AddJob(document.ToString());
        Outcome outcome = await area.RunAsync(ct, Pull(server));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(area.ReadText("payload.stdout"), Does.StartWith("prepared\ncd workDir\n").And.EndWith("finished\n"));
            Assert.That(server.State.Updates[^1].Status, Is.EqualTo("finished"));
            Assert.That(File.Exists(area.JobFile("runGen-00-00-02")), Is.False, "it was brought, so it is taken away");
        }
    }

    [Test]
    public async Task The_monitor_looks_at_a_running_job(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = Start();
        long id = AddJob(server, 5012345800, "payload out.json; echo line >mine.log; touch began; while ! [ -e go ]; do sleep 0.1; done");
        server.State.Command("NULL");
        server.State.Command("tail -n 1 mine.log");
        string site = area.Write("site.json", Quick);
        using StartedRun run = area.Start(null, [.. Pull(server), "--site", site]);
        await run.UntilAsync(() => server.State.Updates.Any(u => u.JobId == id && u.Text("stdout") == "line\n"), ct);
        await File.WriteAllTextAsync(area.JobFile("go"), "", ct);
        Outcome outcome = await run.EndAsync(ct);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
    }

    [Test]
    public async Task Inputs_are_found_by_the_catalogue_and_by_links(CancellationToken ct)
    {
        Area area = NewArea();
        string pool = Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(area.JobDirectory)!, "pool")).FullName;
        await File.WriteAllTextAsync(Path.Combine(pool, "one"), "first ", ct);
        await File.WriteAllTextAsync(Path.Combine(pool, "two"), "second ", ct);
        OpenToAll(pool);
        _ = File.CreateSymbolicLink(area.JobFile("b.root"), Path.Combine(pool, "two"));
        await File.WriteAllTextAsync(
            area.JobFile("PoolFileCatalog.xml"), $"<POOLFILECATALOG><File><physical><pfn name=\"{pool}/one\"/></physical><logical><lfn name=\"a.root\"/></logical></File></POOLFILECATALOG>", ct);
        Outcome outcome = await area.RunAsync(
            ct, "-j", "", "-r", ".", "-i", "['a.root', 'b.root']", "-o", "{'o': 'user.o'}", "-p", Uri.EscapeDataString("IFS=,; for f in %IN; do cat $f; done >o; cat o"), "--containerImage", new TestJob().Image);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((0, "first second ")), outcome.ToString());
            Assert.That(File.Exists(area.JobFile("a.root")), Is.False, "the link was for the payload only");
        }
    }

    private static LoopbackWorkloadManager Start() => LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());

    private static string[] Pull(LoopbackWorkloadManager server) => ["run", "--pull-job", "--server", server.Address.ToString(), "--queue", "TEST_QUEUE"];

    private static long AddJob(LoopbackWorkloadManager server, long id, string exec)
    {
        server.AddJob(new TestJob { PandaId = id, Exec = exec }.Json);
        return id;
    }

    private static void OpenToAll(string directory)
    {
        const UnixFileMode all = (UnixFileMode)0x1ff;
        File.SetUnixFileMode(directory, all);
        foreach (string file in Directory.GetFiles(directory))
        {
            File.SetUnixFileMode(file, all);
        }
    }
}
