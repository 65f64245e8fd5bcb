using System.Net;
using System.Net.Http;
using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Running;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class HostStepsTests
{
    private const string Script = """
        #!/bin/sh
        echo "$# $1|$2|$3|$TOKEN$PANDA_AUTH_TOKEN" >args.txt
        echo 'cd workDir' >__run_main_exec.sh
        echo said
        """;

    [Test]
    public async Task The_jobs_own_transform_is_fetched_run_and_taken_away(CancellationToken ct)
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with { Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin", ["TOKEN"] = "t", ["PANDA_AUTH_TOKEN"] = "secret" } };
        using (Microsoft.Win32.SafeHandles.SafeFileHandle output = File.OpenHandle(Path.Combine(scratch.Base, "out"), FileMode.Create, FileAccess.Write))
        {
            await RunAsync(settings, "--preprocess -o \"{'a': 'b'}\" -p \"echo%20hi\" ", [Answer(HttpStatusCode.OK, Script)], output, ct);
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await File.ReadAllTextAsync(Path.Combine(scratch.Job, "args.txt"), ct), Is.EqualTo("5 --preprocess|-o|{'a': 'b'}|t\n"));
            Assert.That(await File.ReadAllTextAsync(Path.Combine(scratch.Base, "out"), ct), Is.EqualTo("said\n"));
            Assert.That(Directory.GetFiles(scratch.Job).Select(Path.GetFileName), Is.EquivalentTo(new[] { "args.txt", "__run_main_exec.sh" }));
        }
    }

    [Test]
    public async Task What_harvester_hands_down_is_not_fetched(CancellationToken ct)
    {
        using RunningScratch scratch = new();
        await File.WriteAllTextAsync(Path.Combine(scratch.Base, "runGen-00-00-02"), "echo \"$1\" >mine.txt\n", ct);
        RunSettings settings = scratch.Settings with { Environment = new Dictionary<string, string> { ["HARVESTER_WORKDIR"] = scratch.Base } };
        await RunAsync(settings, "--preprocess", [], null, ct);
        Assert.That(await File.ReadAllTextAsync(Path.Combine(scratch.Job, "mine.txt"), ct), Is.EqualTo("--preprocess\n"), "a script without a first line is the shell's");
    }

    [Test]
    [Provokes(PilotError.TransformNotFound)]
    public void A_transform_that_does_not_exist() => Fails(
        [Answer(HttpStatusCode.NotFound, "")], null, PilotError.TransformNotFound, Blame.User, "does not exist (404)");

    [Test]
    [Provokes(PilotError.TransformDownloadFailure)]
    public void A_server_that_does_not_give_it() => Fails(
        [Answer(HttpStatusCode.BadGateway, ""), Answer(HttpStatusCode.BadGateway, ""), Answer(HttpStatusCode.BadGateway, "")], null, PilotError.TransformDownloadFailure, Blame.Server, "3 times");

    [Test]
    [Provokes(PilotError.PreprocessFailure)]
    public void A_transform_that_fails_is_told_with_its_own_words() => Fails(
        [Answer(HttpStatusCode.OK, "#!/bin/sh\necho '{\"error_code\": 5303, \"error_diag\": \"no tarball\"}' >payload_error_report.json\nexit 3\n")],
        null, PilotError.PreprocessFailure, Blame.User, "exited with 3; it says: no tarball");

    [Test]
    [Provokes(PilotError.PostprocessFailure)]
    public void The_step_after_the_payload_has_a_code_of_its_own()
    {
        using RunningScratch scratch = new();
        _ = scratch.Write("runGen", "#!/bin/sh\nkill -9 $$\n");
        using Script script = new([]);
        using HttpMessageInvoker http = new(script);
        using HostSteps steps = new(scratch.Settings, new SandboxFetcher(() => http, TimeProvider.System));
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => steps.PostprocessAsync(new StepCommand("runGen", "--postprocess"), CancellationToken.None))!;
        Assert.That((e.Failure.PilotErrorCode, e.Failure.Phase, e.Failure.Step), Is.EqualTo((PilotError.PostprocessFailure, Phase.Outputs, "postprocess")));
        Assert.That(e.Message, Does.Contain("died of signal 9"));
    }

    [Test]
    [Provokes(PilotError.SetupFailure)]
    public void A_transform_for_an_interpreter_that_is_not_here() => Fails(
        [Answer(HttpStatusCode.OK, "#!/nowhere/python\n")], null, PilotError.SetupFailure, Blame.Site, "cannot be started: ENOENT");

    [TestCase("internal_name", "neither an address nor a file")]
    [TestCase("../x", "names no transform")]
    [TestCase("http://server/", "names no transform")]
    public void A_name_that_leads_nowhere(string command, string message) => Fails([], command, PilotError.TransformNotFound, Blame.User, message);

    [Test]
    public void After_the_jobs_own_step_outputs_have_their_names()
    {
        using RunningScratch scratch = new();
        _ = scratch.Write("lfn.tgz");
        JobRequest job = RunningScratch.Request() with
        {
            Postprocess = new StepCommand("http://s/t", ""),
            Outputs = [new OutputSpec("*.root", "lfn.tgz", OutputKind.Glob), new OutputSpec("a", "lfn.a", OutputKind.File)],
        };
        Assert.That(StepOutputs.Of(job, scratch.Job).Outputs, Is.EqualTo(new[] { new OutputSpec("lfn.tgz", "lfn.tgz", OutputKind.File), new OutputSpec("a", "lfn.a", OutputKind.File) }));
        Assert.That(StepOutputs.Of(job with { Postprocess = null }, scratch.Job).Outputs, Is.EqualTo(job.Outputs));
    }

    private static Func<HttpResponseMessage> Answer(HttpStatusCode status, string body) => () => new(status) { Content = new StringContent(body) };

    private static void Fails(Func<HttpResponseMessage>[] answers, string? command, int code, Blame blame, string message)
    {
        using RunningScratch scratch = new();
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => RunAsync(scratch.Settings, "--preprocess", answers, null, CancellationToken.None, command))!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((e.Failure.PilotErrorCode, e.Failure.Blame, e.Failure.Step), Is.EqualTo((code, blame, "preprocess")));
            Assert.That(e.Message, Does.Contain(message));
        }
    }

    private static async Task RunAsync(
        RunSettings settings, string arguments, Func<HttpResponseMessage>[] answers, Microsoft.Win32.SafeHandles.SafeFileHandle? output, CancellationToken ct, string? command = null)
    {
        using Script script = new(answers);
        using HttpMessageInvoker http = new(script);
        FakeClock clock = new();
        using HostSteps steps = new(settings, new SandboxFetcher(() => http, clock)) { Output = output };
        _ = await clock.DriveAsync(DoneAsync(steps.PreprocessAsync(new StepCommand(command ?? "http://server.example/trf/user/runGen-00-00-02", arguments), ct)), TimeSpan.FromSeconds(10));
    }

    private static async Task<bool> DoneAsync(Task task)
    {
        await task;
        return true;
    }
}
