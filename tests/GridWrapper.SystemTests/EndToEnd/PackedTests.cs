using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Images whose layers are kept packed and served, by the published file as an ordinary user.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class PackedTests : EndToEndFixture
{
    [TestCase("gzip")]
    [TestCase("zstd")]
    [TestCase("plain")]
    public async Task A_payload_sees_what_it_sees_of_unpacked_layers(string tag, CancellationToken ct)
    {
        Outcome unpacked = await NewArea().RunAsync(ct, "exec", "--strategy", "registry", Image(tag), "--", "/bin/sh", "-c", ListTree);
        Outcome packed = await FuseNode().RunAsync(ct, "exec", "--strategy", "packed", Image(tag), "--", "/bin/sh", "-c", ListTree);
        Assert.That((packed.ExitCode, unpacked.ExitCode), Is.EqualTo((0, 0)), packed.ToString());
        Assert.That(packed.Stdout, Is.EqualTo(unpacked.Stdout).And.Contains("bin/busybox"));
    }

    [Test]
    public async Task A_job_runs_and_the_next_one_fetches_nothing(CancellationToken ct)
    {
        Area area = FuseNode();
        TestJob job = new() { Image = Image("gzip"), Exec = "cat /etc/os-release >out.json" };
        string file = area.Write("job.json", job.Json);
        Outcome first = await area.RunAsync(ct, "run", "--strategy", "packed", "--job", file);
        Assert.That(first.ExitCode, Is.Zero, first.ToString());
        JObject result = area.Result;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)result.SelectToken("plan.chosen.strategy"), Is.EqualTo("packed"));
            Assert.That((string?)result.SelectToken("attempts[0].root"), Is.EqualTo("served"));
            Assert.That((long)result.SelectToken("serving.requests")!, Is.Positive);
            Assert.That((long)result.SelectToken("serving.filesRead")!, Is.Positive);
            Assert.That((long)result.SelectToken("transfer.bytesFetched")!, Is.Positive);
        }

        Outcome second = await area.RunAsync(ct, "run", "--strategy", "packed", "--job", file);
        Assert.That(second.ExitCode, Is.Zero, second.ToString());
        Assert.That((long)area.Result.SelectToken("transfer.bytesFetched")!, Is.Zero);
    }

    [Test]
    public async Task An_image_that_was_pulled_packed_runs_without_a_download(CancellationToken ct)
    {
        Area area = FuseNode();
        Outcome pulled = await area.RunAsync(ct, "pull", "--strategy", "packed", Image("zstd"));
        Assert.That(pulled.ExitCode, Is.Zero, pulled.ToString());
        Assert.That(pulled.Stdout, Does.Contain("packed, fetched").And.Contain("served"));
        Outcome plan = await area.RunAsync(ct, "plan", "--json", "--strategy", "packed", Image("zstd"));
        Assert.That((long)JObject.Parse(plan.Stdout).SelectToken("plan.candidates[0].cost.bytes")!, Is.Zero, plan.Stdout);
    }

    [Test]
    public async Task What_was_read_is_told_by_plan_trace(CancellationToken ct)
    {
        Area area = FuseNode();
        Outcome none = await area.RunAsync(ct, "plan", "--trace", Image("gzip"));
        Assert.That((none.ExitCode, none.Stdout), Is.EqualTo((0, "")), none.ToString());
        Assert.That(none.Stderr, Does.Contain("no payload was traced"));
        Outcome run = await area.RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/cat", "/etc/os-release");
        Assert.That(run.ExitCode, Is.Zero, run.ToString());
        Outcome trace = await area.RunAsync(ct, "plan", "--trace", Image("gzip"));
        Assert.That(trace.Stdout.Split('\n'), Does.Contain("bin/busybox"), trace.ToString());
        Outcome json = await area.RunAsync(ct, "plan", "--trace", "--json", Image("gzip"));
        Assert.That(JObject.Parse(json.Stdout)["files"]!.Select(f => (string?)f), Does.Contain("bin/busybox"));
    }

    [Test]
    public async Task A_writable_root_takes_changes_that_are_lost_at_the_end(CancellationToken ct)
    {
        Area area = FuseNode();
        const string Changes = "echo new >/usr/made && echo more >>/etc/os-release && rm /bin/busybox && cat /usr/made && ls /bin/busybox";
        Outcome changed = await area.RunAsync(ct, "exec", "--writable", "--strategy", "packed", Image("gzip"), "--", "/bin/sh", "-c", Changes);
        Assert.That(changed.Stdout, Is.EqualTo("new\n"), changed.ToString());
        Outcome after = await area.RunAsync(ct, "exec", "--writable", "--strategy", "packed", Image("gzip"), "--", "/bin/sh", "-c", "ls /bin/busybox && ls /usr/made");
        Assert.That((after.ExitCode, after.Stdout), Is.EqualTo((1, "/bin/busybox\n")), after.ToString());
    }

    [Test]
    public async Task A_root_that_is_read_only_refuses_every_change(CancellationToken ct)
    {
        const string Changes = "for c in 'touch /usr/x' 'rm /bin/busybox' 'mkdir /opt/x' 'mv /etc/os-release /etc/x' 'chmod 777 /bin/busybox' 'ln /bin/busybox /bin/x' 'ln -s x /usr/x' 'touch /etc/os-release'; do $c 2>/dev/null && echo \"$c\"; done; true";
        Outcome outcome = await FuseNode().RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/sh", "-c", Changes);
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((0, "")), outcome.ToString());
    }

    [Test]
    public async Task Sixteen_jobs_at_once_share_one_download(CancellationToken ct)
    {
        Area area = FuseNode();
        Outcome[] all = await Task.WhenAll(Enumerable.Range(0, 16).Select(i =>
            area.RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/sh", "-c", string.Create(CultureInfo.InvariantCulture, $"echo {i}; sleep 0.2"))));
        Assert.That(all.Select(outcome => (outcome.ExitCode, outcome.Stdout)), Is.EqualTo(Enumerable.Range(0, 16).Select(i => (0, string.Create(CultureInfo.InvariantCulture, $"{i}\n")))), string.Join('\n', all.Select(o => o.Stderr)));
        Outcome list = await area.RunAsync(ct, "cache", "list", "--json");
        Assert.That(list.Stdout, Does.Contain("packed"), list.ToString());
    }

    [Test]
    public async Task Killing_gridwrap_at_any_moment_leaves_nothing_and_the_next_run_works(CancellationToken ct)
    {
        Area area = FuseNode();
        area.Variables["DOTNET_EnableDiagnostics"] = "0";
        foreach (int milliseconds in (int[])[80, 160, 240, 320, 500, 900])
        {
            using StartedRun run = area.Start(null, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/sh", "-c", "while true; do cat /bin/busybox >/dev/null; done");
            await Task.Delay(milliseconds, ct);
            run.Kill();
            _ = await run.EndAsync(ct);
        }

        Outcome next = await area.RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/echo", "runs");
        Assert.That((next.ExitCode, next.Stdout), Is.EqualTo((0, "runs\n")), next.ToString());
        Outcome verify = await area.RunAsync(ct, "cache", "verify");
        Assert.That(verify.ExitCode, Is.Zero, verify.ToString());
        await area.RunAsync(ct, "cache", "gc");
    }

    [Test]
    public async Task A_layer_that_was_cut_short_is_made_anew(CancellationToken ct)
    {
        Area area = FuseNode();
        await area.RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/true");
        string[] archives = Directory.GetFiles(area.Cache, "data", SearchOption.AllDirectories);
        Assert.That(archives, Is.Not.Empty);
        foreach (string archive in archives)
        {
            using FileStream file = File.OpenWrite(archive);
            file.SetLength(file.Length / 2);
        }

        Outcome again = await area.RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/echo", "runs");
        Assert.That((again.ExitCode, again.Stdout), Is.EqualTo((0, "runs\n")), again.ToString());
        Outcome verify = await area.RunAsync(ct, "cache", "verify");
        Assert.That(verify.ExitCode, Is.Zero, verify.ToString());

        // What was put aside was in use by the run that found it.
        await area.RunAsync(ct, "cache", "gc");
    }

    [Test]
    public async Task A_node_with_a_closed_device_says_so_and_takes_another_way(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome forced = await area.RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/true");
        Assert.That(forced.ExitCode, Is.EqualTo(75), forced.ToString());
        Assert.That(forced.Stderr, Does.Contain("/dev/fuse must be open to users"));
        Outcome free = await area.RunAsync(ct, "exec", Image("gzip"), "--", "/bin/echo", "runs");
        Assert.That((free.ExitCode, free.Stdout), Is.EqualTo((0, "runs\n")), free.ToString());
    }

    [Test]
    public async Task A_dry_run_and_a_plan_show_the_way(CancellationToken ct)
    {
        Area area = FuseNode();
        Outcome dry = await area.RunAsync(ct, "exec", "--dry-run", "--json", "--strategy", "packed", Image("gzip"), "--", "/bin/true");
        JObject document = JObject.Parse(dry.Stdout);
        Assert.That(document.SelectTokens("launch.operations[*].op").Select(op => (string?)op), Does.Contain("serve"), dry.ToString());
        Outcome plan = await area.RunAsync(ct, "plan", "--json", Image("gzip"));
        Assert.That(JObject.Parse(plan.Stdout).SelectTokens("plan.candidates[?(@.strategy == 'packed' && @.launcher == 'rootless')].usable").Select(usable => (bool)usable), Is.EqualTo(new[] { true }), plan.Stdout);
    }

    private static string Image(string tag) => $"docker://{Testbed.Repository}:{tag}";
}
