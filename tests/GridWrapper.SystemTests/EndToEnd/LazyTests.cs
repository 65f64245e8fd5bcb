using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Images that are read piece by piece, by the published file as an ordinary user, from a real registry.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class LazyTests : EndToEndFixture
{
    private static readonly string[] Formats = ["estargz", "stargz", "containers", "snapshotter"];

    [OneTimeSetUp]
    public async Task RepackAsync()
    {
        string one = Path.Combine(Testbed.Base, "lazy-source");
        await Tool.RunAsync("/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", $"oci:{Testbed.Image}/layout:gzip", $"oci:{one}:gzip");
        foreach (string format in Formats)
        {
            string layout = Path.Combine(Testbed.Base, "lazy-" + format);
            await Tool.RunAsync(Testbed.Script("lazy-image.py"), one, layout, "--format", format);
            await Tool.RunAsync("/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", $"oci:{layout}:gzip", $"docker://{Testbed.Repository}:lazy-{format}");
        }
    }

    [TestCase("estargz")]
    [TestCase("containers")]
    [TestCase("snapshotter")]
    public async Task A_payload_sees_what_it_sees_of_unpacked_layers(string format, CancellationToken ct)
    {
        Outcome unpacked = await NewArea().RunAsync(ct, "exec", "--strategy", "registry", Image("gzip"), "--", "/bin/sh", "-c", ListTree);
        Outcome lazy = await FuseNode().RunAsync(ct, "exec", "--strategy", "lazy", Image("lazy-" + format), "--", "/bin/sh", "-c", ListTree);
        Assert.That((lazy.ExitCode, unpacked.ExitCode), Is.EqualTo((0, 0)), lazy.ToString());
        Assert.That(lazy.Stdout, Is.EqualTo(unpacked.Stdout).And.Contains("bin/busybox"));
    }

    [Test]
    public async Task An_image_without_vouched_tables_is_not_read_lazily_and_runs_otherwise(CancellationToken ct)
    {
        Area area = FuseNode();
        Outcome lazy = await area.RunAsync(ct, "exec", "--strategy", "lazy", Image("lazy-stargz"), "--", "/bin/true");
        Assert.That(lazy.ExitCode, Is.Not.Zero, lazy.ToString());
        Assert.That(lazy.Stderr, Does.Contain("vouches for no table of contents"), lazy.ToString());
        Outcome packed = await area.RunAsync(ct, "exec", "--strategy", "packed", Image("lazy-stargz"), "--", "/bin/echo", "runs");
        Assert.That((packed.ExitCode, packed.Stdout), Is.EqualTo((0, "runs\n")), packed.ToString());
    }

    [Test]
    public async Task A_job_runs_from_what_it_asks_for_and_the_next_one_finds_it_on_the_node(CancellationToken ct)
    {
        Area area = FuseNode();
        string profile = area.Write("site.json", """{ "name": "lazily", "strategies": ["lazy"], "serving": { "fill": "on-demand" } }""");
        TestJob job = new() { Image = Image("lazy-estargz"), Exec = "cat /etc/os-release >out.json" };
        string file = area.Write("job.json", job.Json);
        Outcome first = await area.RunAsync(ct, "run", "--site", profile, "--job", file);
        Assert.That(first.ExitCode, Is.Zero, first.ToString());
        JObject result = area.Result;
        long fetched = (long)result.SelectToken("transfer.bytesFetched")!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)result.SelectToken("plan.chosen.strategy"), Is.EqualTo("lazy"));
            Assert.That((string?)result.SelectToken("attempts[0].root"), Is.EqualTo("served"));
            Assert.That(fetched, Is.Positive);
        }

        Outcome second = await area.RunAsync(ct, "run", "--site", profile, "--job", file);
        Assert.That(second.ExitCode, Is.Zero, second.ToString());
        Assert.That((long)area.Result.SelectToken("transfer.bytesFetched")!, Is.LessThan(fetched / 2 + 1));
    }

    [Test]
    public async Task A_local_copy_that_lost_its_bytes_is_told_by_verify_and_fetched_again(CancellationToken ct)
    {
        Area area = FuseNode();
        string[] listing = ["exec", "--strategy", "lazy", Image("lazy-estargz"), "--", "/bin/sh", "-c", ListTree];
        Outcome first = await area.RunAsync(ct, listing);
        Outcome good = await area.RunAsync(ct, "cache", "verify");
        foreach (string data in Directory.GetFiles(area.Cache, "data", SearchOption.AllDirectories))
        {
            using FileStream file = File.OpenWrite(data);
            long length = file.Length;
            file.SetLength(0);
            file.SetLength(length);
        }

        Outcome damaged = await area.RunAsync(ct, "cache", "verify");
        Outcome again = await area.RunAsync(ct, listing);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((first.ExitCode, good.ExitCode, again.ExitCode), Is.EqualTo((0, 0, 0)), first.ToString() + good + again);
            Assert.That(damaged.ExitCode, Is.EqualTo(75), damaged.ToString());
            Assert.That(damaged.Stdout, Does.Match("[1-9][0-9]* of the [0-9]+ pieces that are here are damaged"));
            Assert.That(again.Stdout, Is.EqualTo(first.Stdout).And.Contains("bin/busybox"));
        }
    }

    [Test]
    public async Task All_of_it_comes_before_the_run_where_the_profile_wants_so(CancellationToken ct)
    {
        Area area = FuseNode();
        string profile = area.Write("site.json", """{ "name": "lazily", "strategies": ["lazy"], "serving": { "fill": "before-run" } }""");
        Outcome first = await area.RunAsync(ct, "exec", "--site", profile, Image("lazy-estargz"), "--", "/bin/true");
        Assert.That(first.ExitCode, Is.Zero, first.ToString());
        Outcome verify = await area.RunAsync(ct, "cache", "list", "--json");
        Assert.That(verify.Stdout, Does.Contain("\"lazy\""), verify.ToString());
        TestJob job = new() { Image = Image("lazy-estargz"), Exec = "find / -xdev -type f -exec cat {} + >/dev/null 2>&1; echo done >out.json" };
        Outcome all = await area.RunAsync(ct, "run", "--site", profile, "--job", area.Write("job.json", job.Json));
        Assert.That(all.ExitCode, Is.Zero, all.ToString());
        Assert.That((long)area.Result.SelectToken("serving.waits")!, Is.Zero);
    }

    /// <summary>As one job alone would be sent, but for what two of them ask for at the same moment to read it.</summary>
    [Test]
    public async Task Jobs_that_begin_together_are_sent_the_image_once(CancellationToken ct)
    {
        const int Jobs = 8;
        long[] sent = new long[2];
        foreach ((int i, int jobs) in ((int[])[1, Jobs]).Index())
        {
            Area area = FuseNode();
            string name = $"{Testbed.Address}/together/{Path.GetFileName(area.Root)}:lazy";
            await Tool.RunAsync("/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", $"oci:{Testbed.Base}/lazy-estargz:gzip", "docker://" + name);
            string profile = area.Write("site.json", """{ "name": "lazily", "strategies": ["lazy"], "serving": { "fill": "before-run" } }""");
            Outcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, jobs).Select(_ => area.RunAsync(ct, "exec", "--site", profile, "docker://" + name, "--", "/bin/true")));
            Assert.That(outcomes.Where(outcome => outcome.ExitCode != 0).Select(outcome => outcome.ToString()), Is.Empty);
            sent[i] = Testbed.AccessLog().Where(line => line.Contains($"/together/{Path.GetFileName(area.Root)}/blobs/", StringComparison.Ordinal) && line.Contains("HTTP/1.1\" 206 ", StringComparison.Ordinal))
                .Sum(line => long.Parse(line.Split("HTTP/1.1\" 206 ")[1].Split(' ')[0], CultureInfo.InvariantCulture));
        }

        Assert.That(sent[1], Is.Positive.And.LessThan(sent[0] * 3 / 2), $"one job was sent {sent[0]} bytes");
    }

    [Test]
    public async Task A_registry_that_goes_away_fails_the_reads_after_their_patience_and_is_blamed(CancellationToken ct)
    {
        string store = Path.Combine(Testbed.Base, "registry-that-ends");
        string address = (await Tool.RunAsync(Testbed.Script("registry.sh"), "start", store, "0")).Trim();
        string layout = Path.Combine(Testbed.Base, "lazy-estargz");
        await Tool.RunAsync("/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", $"oci:{layout}:gzip", $"docker://{address}/ends/image:lazy");
        Area area = FuseNode();
        string profile = area.Write("site.json", """{ "name": "lazily", "strategies": ["lazy"], "serving": { "fill": "on-demand", "patienceMinutes": 0.05 } }""");
        TestJob job = new() { Image = $"docker://{address}/ends/image:lazy", Exec = "touch started; while [ ! -e go ]; do sleep 0.1; done; find /usr /lib /opt -xdev -type f -exec cat {} + >/dev/null || exit 9" };
        string file = area.Write("job.json", job.Json);
        using StartedRun run = area.Start(null, "run", "--site", profile, "--job", file);
        while (!File.Exists(area.JobFile("started")))
        {
            ct.ThrowIfCancellationRequested();
            await Task.Delay(50, ct);
        }

        await Tool.RunAsync(Testbed.Script("registry.sh"), "stop", store);
        await File.WriteAllTextAsync(area.JobFile("go"), "", ct);
        Outcome outcome = await run.EndAsync(ct);
        JObject failure = (JObject)area.Result["failure"]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(9), outcome.ToString());
            Assert.That((string?)failure["blame"], Is.EqualTo("registry"), outcome.ToString());
            Assert.That((string?)failure["step"], Is.EqualTo("read-image"));
            Assert.That((bool)failure["retryable"]!, Is.True);
        }
    }

    [Test]
    public async Task Killing_gridwrap_at_any_moment_leaves_nothing_and_the_next_run_works(CancellationToken ct)
    {
        Area area = FuseNode();
        area.Variables["DOTNET_EnableDiagnostics"] = "0";
        foreach (int milliseconds in (int[])[80, 160, 240, 320, 500, 900])
        {
            using StartedRun run = area.Start(null, "exec", "--strategy", "lazy", Image("lazy-estargz"), "--", "/bin/sh", "-c", "while true; do find / -xdev -type f -exec cat {} + >/dev/null 2>&1; done");
            await Task.Delay(milliseconds, ct);
            run.Kill();
            _ = await run.EndAsync(ct);
        }

        Outcome next = await area.RunAsync(ct, "exec", "--strategy", "lazy", Image("lazy-estargz"), "--", "/bin/sh", "-c", ListTree);
        Assert.That(next.ExitCode, Is.Zero, next.ToString());
        await area.RunAsync(ct, "cache", "gc");
    }

    private static string Image(string tag) => $"docker://{Testbed.Repository}:{tag}";
}
