using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using GridWrapper.Tests.Planning;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class JobPayloadTests
{
    private static LaunchRequest Compose(RunSettings settings, JobRequest job) =>
        new JobPayload(settings, job).Compose(Plans.Input(settings.Site), new Rootfs { Strategy = "a", LowerDirectories = ["/r"] }, "/scratch");

    [TestCase("echo 100% sure", null, "echo 100% sure")]
    [TestCase("run %IN out", null, "run /ctrdata/a.root,root://se//b.root out")]
    [TestCase("run %INPUT %PU %CORE_NUMBER", null, "run %INPUT /ctrdata/p1 4")]
    [TestCase("true", 42L, "export PandaID=42;true")]
    public void The_text_is_run_by_the_shell_with_inputs_filled_in(string exec, long? pandaId, string script)
    {
        using RunningScratch scratch = new();
        JobRequest job = RunningScratch.Request(exec) with { PandaId = pandaId, Inputs = ["a.root", "root://se//b.root"], InMap = [new InputStream("PU", ["p1"])], CoreCount = 4 };
        Assert.That(new JobPayload(scratch.Settings, job).Command(), Is.EqualTo(new[] { "/bin/sh", "-c", script }));
    }

    [Test]
    public void A_text_longer_than_the_kernel_takes_is_refused_with_advice()
    {
        using RunningScratch scratch = new();
        JobPayload payload = new(scratch.Settings, RunningScratch.Request(new string('x', (120 * 1024) + 1)));
        Assert.That(payload.Command, Throws.TypeOf<GridWrapperException>().With.Message.Contains("into a script in the sandbox").And.Property("Failure").Property("ExitCode").EqualTo(64));
        Assert.That(new JobPayload(scratch.Settings, RunningScratch.Request(new string('x', 120 * 1024))).Command(), Has.Length.EqualTo(3));
    }

    [Test]
    public void The_payload_starts_in_the_transform_s_directories()
    {
        using RunningScratch scratch = new();
        LaunchRequest request = Compose(scratch.Settings, RunningScratch.Request() with { DataDirectory = "/data", WorkDirectory = "/srv" });
        Assert.That((request.DataDirectory, request.InitialDirectory, request.JobDirectory, request.ScratchDirectory), Is.EqualTo(("/data", "/srv", scratch.Job, "/scratch")));
        Assert.That(Compose(scratch.Settings with { InitialDirectory = "/mine" }, RunningScratch.Request()).InitialDirectory, Is.EqualTo("/mine"));
    }

    [Test]
    public void The_payload_sees_its_job_and_what_the_profile_lets_through()
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with
        {
            Site = new SiteProfile { Name = "t", Environment = new EnvironmentPolicy { Pass = ["LANG", "MY_*"], Set = ImmutableSortedDictionary<string, string>.Empty.Add("SET", "1") } },
            Environment = new Dictionary<string, string> { ["LANG"] = "C", ["MY_A"] = "a", ["OTHER"] = "o", ["PANDA_AUTH_TOKEN"] = "secret" },
            PayloadEnvironment = [new("SET", "2")],
        };
        LaunchRequest request = Compose(settings, RunningScratch.Request() with { PandaId = 42, TaskId = 3, Attempt = 1, CoreCount = 8 });
        Assert.That(request.Environment.Select(e => $"{e.Key}={e.Value}"), Is.EqualTo(new[]
        {
            "ATHENA_CORE_NUMBER=8", "LANG=C", "MY_A=a", "PanDA_AttemptNr=1", "PanDA_TaskID=3", "PandaID=42", "SET=2",
        }));
    }

    [Test]
    public void A_secret_does_not_pass_even_where_the_profile_lets_everything_through()
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with
        {
            Site = new SiteProfile { Name = "t", Environment = new EnvironmentPolicy { Pass = ["*"] } },
            Environment = new Dictionary<string, string> { ["PANDA_AUTH_TOKEN"] = "s", ["OIDC_AUTH_TOKEN"] = "s", ["BEARER_TOKEN"] = "s", ["PLAIN"] = "p" },
        };
        Assert.That(Compose(settings, RunningScratch.Request()).Environment.Keys, Is.EqualTo(new[] { "ATHENA_CORE_NUMBER", "PLAIN" }));
    }

    [Test]
    public void Inputs_that_are_neither_there_nor_addresses_are_missing()
    {
        using RunningScratch scratch = new();
        scratch.Write("here");
        JobRequest job = RunningScratch.Request() with { Inputs = ["here", "gone", "root://se//x"], InMap = [new InputStream("PU", ["gone", "lost"])] };
        Assert.That(new JobPayload(scratch.Settings, job).MissingInputs, Is.EqualTo(new[] { "gone", "lost" }));
    }

    [Test]
    public void Lists_of_inputs_are_written_where_the_job_wants_them()
    {
        using RunningScratch scratch = new();
        JobRequest job = RunningScratch.Request() with { Inputs = ["a", "b"], WriteInputToTxt = [new InputStreamFile("IN", "in.txt")] };
        new JobPayload(scratch.Settings, job).PrepareFiles();
        Assert.That(File.ReadAllText(Path.Combine(scratch.Job, "in.txt")), Is.EqualTo("/ctrdata/a,/ctrdata/b"));
    }

    [Test]
    public void The_proxy_is_a_private_copy_that_goes_away()
    {
        using RunningScratch scratch = new();
        string proxy = Path.Combine(scratch.Base, "proxy");
        File.WriteAllText(proxy, "certificate");
        RunSettings settings = scratch.Settings with
        {
            Site = new SiteProfile { Name = "t", Environment = new EnvironmentPolicy { GiveProxy = true } },
            Environment = new Dictionary<string, string> { ["X509_USER_PROXY"] = proxy, ["X509_CERT_DIR"] = "/certificates" },
        };
        JobPayload payload = new(settings, RunningScratch.Request());
        payload.PrepareFiles();
        string copy = Path.Combine(scratch.Job, "user_proxy");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.ReadAllText(copy), Is.EqualTo("certificate"));
            Assert.That(File.GetUnixFileMode(copy), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
            Assert.That(Compose(settings, RunningScratch.Request()).Environment["X509_USER_PROXY"], Is.EqualTo("/ctrdata/user_proxy"));
            Assert.That(Compose(settings, RunningScratch.Request()).Binds.Select(b => (b.Source, b.ReadOnly)), Has.Member(("/certificates", true)));
            Assert.That(Compose(settings, RunningScratch.Request() with { NoX509 = true }).Environment.Keys, Has.No.Member("X509_USER_PROXY"));
        }

        payload.TakeAway();
        Assert.That(File.Exists(copy), Is.False);
    }

    [Test]
    public void A_proxy_that_is_not_there_is_the_site_s_fault()
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with
        {
            Site = new SiteProfile { Name = "t", Environment = new EnvironmentPolicy { GiveProxy = true } },
            Environment = new Dictionary<string, string> { ["X509_USER_PROXY"] = "/nowhere/proxy" },
        };
        string pool = Path.Combine(scratch.Base, "pool");
        File.WriteAllText(pool, "data");
        _ = scratch.Write("PoolFileCatalog.xml", $"<POOLFILECATALOG><File><physical><pfn name=\"{pool}\"/></physical><logical><lfn name=\"in.root\"/></logical></File></POOLFILECATALOG>");
        Assert.That(
            new JobPayload(settings, RunningScratch.Request() with { Inputs = ["in.root"] }).PrepareFiles,
            Throws.TypeOf<GridWrapperException>().With.Property("Failure").Matches<Failure>(f => f is { Blame: Blame.Site, PilotErrorCode: PilotError.NoProxy, ExitCode: 75 }));
        Assert.That(Directory.GetFileSystemEntries(scratch.Job).Select(Path.GetFileName), Is.EqualTo(new[] { "PoolFileCatalog.xml" }), "no link out of the job directory stays");
    }
}
