using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>What the caller gets for each end of a payload, and what the documents say of it.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed class ExitCodeTests : EndToEndFixture
{
    private static readonly int[] Misread = [2, 3, 251, 255];

    [Test]
    public async Task Exec_passes_every_code_through([Values(0, 1, 2, 3, 7, 77, 126, 127, 251, 255)] int code, CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "exec", Tree, "--", "/bin/sh", "-c", $"exit {code}");
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((code, "")), outcome.ToString());
    }

    [Test]
    public async Task Run_under_a_pilot_hides_what_the_pilot_misreads([Values(1, 2, 3, 77, 251, 255)] int code, CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "-p", $"exit%20{code}", "--containerImage", Tree);
        bool misread = Misread.Contains(code);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(misread ? 1 : code), outcome.ToString());
            Assert.That((int)area.Result["payload"]!["exitCode"]!, Is.EqualTo(code));
            Assert.That(area.Result["failure"]!.Type, Is.EqualTo(JTokenType.Null));
            Assert.That(File.Exists(area.JobFile("payload_error_report.json")), Is.EqualTo(misread));
            Assert.That(misread ? (int)area.ReadJson("payload_error_report.json")["error_code"]! : code, Is.EqualTo(code));
        }
    }

    [TestCase("kill -SEGV $$", 139)]
    [TestCase("kill -KILL $$", 137)]
    [TestCase("kill -TERM $$; sleep 5", 143)]
    public async Task A_signal_is_128_and_its_number(string script, int code, CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "run", "--", "-p", Uri.EscapeDataString(script), "--containerImage", Tree);
        Assert.That((outcome.ExitCode, (int?)area.Result["payload"]!["signal"]), Is.EqualTo((code, (int?)(code - 128))), outcome.ToString());
    }

    [TestCase("/etc/passwd", 126)]
    [TestCase("/data", 126)]
    [TestCase("/nosuch/program", 127)]
    [TestCase("nosuchprogram", 127)]
    public async Task A_command_that_cannot_be_executed(string command, int code, CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "exec", Tree, "--", command);
        Assert.That(outcome.ExitCode, Is.EqualTo(code), outcome.ToString());
        Assert.That(outcome.Stderr, Does.Contain(command).And.Contain("[step="));
    }

    [Test]
    public async Task A_missing_output_is_73_and_named(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "-p", "echo%20x%20%3E%20there", "-o", "{'there': 'lfn.there', 'absent': 'lfn.absent'}", "--containerImage", Tree);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(73), outcome.ToString());
            Assert.That(area.Result["missingOutputs"]!.ToString(), Does.Contain("absent").And.Not.Contain("there\""));
            Assert.That((int)area.Result["failure"]!["pilotErrorCode"]!, Is.EqualTo(1165));
            Assert.That((int)area.ReadJson("payload_error_report.json")["error_code"]!, Is.EqualTo(1165));
            Assert.That(area.ReadText("lfn.there"), Is.EqualTo("x\n"));
            Assert.That(outcome.Stderr.TrimEnd('\n').Split('\n')[^1], Does.StartWith("gridwrap: user: ").And.Contain("absent").And.EndWith("pilot=1165]"));
        }
    }

    [Test]
    public async Task A_time_limit_ends_the_payload_and_what_it_started(CancellationToken ct)
    {
        Area area = NewArea();
        string site = area.Write("site.json", "{ \"name\": \"hasty\", \"graceSeconds\": 1 }");
        Outcome outcome = await area.RunAsync(ct, "--timeout", "2", "--site", site, "-p", Uri.EscapeDataString("trap '' TERM; (sleep 100 &) ; sleep 100; sleep 100"), "--containerImage", Tree);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(137).Or.EqualTo(143), outcome.ToString());
            Assert.That(outcome.Elapsed, Is.LessThan(TimeSpan.FromSeconds(30)));
            Assert.That((string?)area.Result["payload"]!["stopReason"], Is.EqualTo("timeout"));
        }
    }

    [TestCase("TERM", 143)]
    [TestCase("INT", 130)]
    public async Task A_signal_to_the_wrapper_reaches_the_payload(string signal, int code, CancellationToken ct)
    {
        Area area = NewArea();
        using StartedRun run = area.Start(null, "-p", Uri.EscapeDataString($"trap 'echo got {signal}; exit {code}' {signal}; touch began; while :; do sleep 0.1; done"), "--containerImage", Tree);
        await run.UntilAsync(() => File.Exists(area.JobFile("began")), ct);
        run.Signal(signal);
        Outcome outcome = await run.EndAsync(ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((code, $"got {signal}\n")), outcome.ToString());
            Assert.That((string?)area.Result["payload"]!["stopReason"], Is.EqualTo("cancelled"));
        }
    }

    [Test]
    public async Task Stdin_stdout_and_stderr_are_the_payloads(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunWithInputAsync("one\ntwo\n", ct, "exec", Tree, "--", "/bin/sh", "-c", "cat; echo three >&2");
        Assert.That((outcome.ExitCode, outcome.Stdout, outcome.Stderr), Is.EqualTo((0, "one\ntwo\n", "three\n")));
    }

    /// <summary>A directory that this user can read, without the files that only their owner can.</summary>
    private static string Tree => Testbed.ReadableTree;
}
