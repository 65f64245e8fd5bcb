using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>The same job on a newer system that has a real Apptainer: through it and through our own launcher.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class TrixieTests : EndToEndFixture
{
    [OneTimeSetUp]
    public async Task TreeAsync() => await Tool.RunAsync(Testbed.Script("trixie.sh"));

    [TestCase("rootless", "gzip")]
    [TestCase("apptainer", "gzip")]
    [TestCase("apptainer", "docker")]
    public async Task The_job_gives_the_same_output(string launcher, string tag, CancellationToken ct)
    {
        Area area = InTrixie();
        TestJob job = new() { Image = $"docker://{Testbed.Repository}:{tag}", Exec = "payload out.json; pwd; echo $PandaID" };
        Outcome outcome = await area.RunAsync(ct, "run", "--launcher", launcher, "--job", area.Write("job.json", job.Json));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        JObject result = area.Result;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.Stdout, Is.EqualTo($"{TestJob.Content}/ctrdata\n4012345678\n"));
            Assert.That(area.ReadText(TestJob.Lfn), Is.EqualTo(TestJob.Content));
            Assert.That((string?)result["outputs"]![0]!["adler32"], Is.EqualTo(TestJob.Adler32));
            Assert.That((string?)result["attempts"]!.Single()["launcher"], Is.EqualTo(launcher));
            Assert.That((string?)result["node"]!["operatingSystem"], Does.Contain("trixie"));
        }
    }

    [TestCase("exit 7", 7)]
    [TestCase("exit 255", 1)]
    [TestCase("kill -KILL $$", 137)]
    public async Task Exit_codes_are_the_payloads(string script, int code, CancellationToken ct)
    {
        Area area = InTrixie();
        Outcome outcome = await area.RunAsync(ct, "--launcher", "apptainer", "-p", Uri.EscapeDataString(script), "--containerImage", Testbed.ReadableTree);
        Assert.That(outcome.ExitCode, Is.EqualTo(code), outcome.ToString());
    }

    [Test]
    public async Task Killing_the_program_ends_the_payload_under_Apptainer(CancellationToken ct)
    {
        // Who is killed cannot tidy up: the scratch directory goes with the next run.
        Area area = Entered(new Area(12345));
        using StartedRun run = area.Start(null, "exec", "--launcher", "apptainer", Testbed.ReadableTree, "--", "/bin/sh", "-c", "trap '' TERM HUP; setsid sleep 4815.5 & touch began; sleep 4815.5");
        await run.UntilAsync(() => File.Exists(Path.Combine(area.JobDirectory, "began")), ct);
        run.Signal("KILL");
        _ = await run.EndAsync(ct);
        while (Launching.RootlessTestbed.IsRunning("4815.5"))
        {
            await Task.Delay(50, ct);
        }
    }

    [Test]
    public async Task The_plan_names_both_launchers_and_prefers_ours(CancellationToken ct)
    {
        Area area = InTrixie();
        Outcome outcome = await area.RunAsync(ct, "plan", "--json", Testbed.ReadableTree);
        JObject plan = JObject.Parse(outcome.Stdout);
        plan = (JObject?)plan["plan"] ?? plan;
        string[] usable = [.. plan["candidates"]!.Where(c => (bool)c["usable"]!).Select(c => $"{c["strategy"]} {c["launcher"]}")];
        Assert.That((string?)plan["chosen"]!["launcher"], Is.EqualTo("rootless"), outcome.ToString());
        Assert.That(usable, Is.EquivalentTo((string[])["directory rootless", "directory apptainer"]), outcome.ToString());
    }

    /// <summary>The tree's ordinary user, whom its user database knows as Apptainer demands.</summary>
    private Area InTrixie() => Entered(Register(new Area(12345)));

    private static Area Entered(Area area)
    {
        area.Entrance = [Testbed.Script("in-trixie.sh"), "--user", "--cd", area.JobDirectory, "--"];
        return area;
    }
}
