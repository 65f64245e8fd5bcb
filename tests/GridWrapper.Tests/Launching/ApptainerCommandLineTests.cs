using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Launching;

/// <summary>Whole command lines and environments of the runtime, as --dry-run prints them.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ApptainerCommandLineTests
{
    private const string Tree = "/cvmfs/unpacked.cern.ch/.flat/ab/abcd";

    public static IReadOnlyList<TestCaseData> CommandLines { get; } =
    [
        Case("plain", Requests.Apptainer, r => r,
            "/usr/bin/apptainer exec --containall --no-home --home /scratch/job --pwd /scratch/job --bind /cache/scratch/run-1:/tmp --bind /scratch/job:/scratch/job "
            + "--bind /cache/scratch/run-1:/var/tmp " + Tree + " /proc/self/fd/10 /bin/sh -c echo_$HOME"),
        Case("a job", Requests.Apptainer, r => r with
            {
                DataDirectory = "/ctrdata",
                CvmfsRoot = "/mnt/cvmfs",
                Binds = [new BindMount("/etc/grid-security", "/etc/grid-security", ReadOnly: true, Optional: true), new BindMount("/data", "/srv/in/data/", ReadOnly: false, Optional: false)],
            },
            "/usr/bin/apptainer exec --containall --no-home --home /ctrdata --pwd /ctrdata --bind /scratch/job:/ctrdata --bind /mnt/cvmfs:/cvmfs --bind /cache/scratch/run-1:/tmp "
            + "--bind /etc/grid-security:/etc/grid-security:ro --bind /scratch/job:/scratch/job --bind /cache/scratch/run-1:/var/tmp --bind /data:/srv/in/data " + Tree + " /proc/self/fd/10 /bin/sh -c echo_$HOME"),
        Case("Singularity 3.8, writable, profile's options", Requests.OldSingularity, r => r with
            {
                Writable = true,
                InitialDirectory = "/work",
                Plan = r.Plan with { Site = r.Plan.Site with { Apptainer = r.Plan.Site.Apptainer with { Options = ["--userns", "--no-mount", "hostfs"] } } },
            },
            "/usr/bin/singularity exec --userns --no-mount hostfs --containall --no-home --home /scratch/job --pwd /work --bind /cache/scratch/run-1:/tmp "
            + "--bind /scratch/job:/scratch/job --bind /cache/scratch/run-1:/var/tmp --writable-tmpfs " + Tree + " /proc/self/fd/10 /bin/sh -c echo_$HOME"),
        Case("GPUs of NVIDIA", Requests.Apptainer, r => r with { Gpu = new GpuSupply { Devices = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/dri/renderD128"] } }, Short("--nv")),
        Case("GPUs of AMD", Requests.Apptainer, r => r with { Gpu = new GpuSupply { Devices = ["/dev/kfd", "/dev/dri/renderD128"] } }, Short("--rocm")),
        Case("GPUs of both", Requests.Apptainer, r => r with { Gpu = new GpuSupply { Devices = ["/dev/kfd", "/dev/nvidia0"] } }, Short("--nv --rocm")),
        Case("the user's bind beats scratch, the job directory beats all", Requests.Apptainer,
            r => r with { Binds = [new BindMount("/big", "/tmp/", ReadOnly: false, Optional: false), new BindMount("/other", "/scratch/job", ReadOnly: true, Optional: false)] },
            "/usr/bin/apptainer exec --containall --no-home --home /scratch/job --pwd /scratch/job --bind /big:/tmp --bind /scratch/job:/scratch/job "
            + "--bind /cache/scratch/run-1:/var/tmp " + Tree + " /proc/self/fd/10 /bin/sh -c echo_$HOME"),
    ];

    [TestCaseSource(nameof(CommandLines))]
    public void CommandLine(RuntimeFacts runtime, Func<LaunchRequest, LaunchRequest> change, string expected)
    {
        LaunchSpec spec = new ApptainerLauncher("/cache").Build(change(Requests.With(runtime)));
        Assert.That(string.Join(' ', spec.Argv.Select(a => a.Replace(' ', '_'))), Is.EqualTo(expected));
    }

    [TestCase("/a:b", "/in", true, "type=bind,\"source=/a:b\",\"destination=/in\",ro")]
    [TestCase("/a", "/in,side", false, "type=bind,\"source=/a\",\"destination=/in,side\"")]
    [TestCase("/a\"b\"\\", "/in", false, "type=bind,\"source=/a\"\"b\"\"\\\",\"destination=/in\"")]
    public void OddPathsTakeTheMountOption(string source, string target, bool readOnly, string expected)
    {
        LaunchRequest request = Requests.With(Requests.Apptainer) with { Binds = [new BindMount(source, target, readOnly, Optional: false)] };
        Assert.That(new ApptainerLauncher("/cache").Build(request).Argv.SkipWhile(a => a != "--mount").Skip(1).First(), Is.EqualTo(expected));
    }

    [TestCase("3.8.7-1.el8", false)]
    [TestCase("unheard of", false)]
    [TestCase("3.9.0", true)]
    [TestCase("4.1.2-noble", true)]
    public void OldSingularityRefusesThem(string version, bool accepts)
    {
        LaunchRequest request = Requests.With(Requests.OldSingularity with { Version = version }) with { Binds = [new BindMount("/a,b", "/in", ReadOnly: false, Optional: false)] };
        Assert.That(() => new ApptainerLauncher("/cache").Build(request), accepts ? Throws.Nothing : Throws.TypeOf<GridWrapperException>().With.Message.Contains("/a,b"));
    }

    [TestCase("/a:b")]
    [TestCase("relative")]
    [TestCase("")]
    public void AHomeThatApptainerCannotTakeIsRefused(string home)
    {
        LaunchRequest request = Requests.With(Requests.Apptainer) with { Environment = Variables(("HOME", home)) };
        Assert.That(() => new ApptainerLauncher("/cache").Build(request), Throws.TypeOf<GridWrapperException>().With.Message.Contains($"'{home}'"));
    }

    [Test]
    public void ControlCharactersInPathsAreRefused() =>
        Assert.That(() => new ApptainerLauncher("/cache").Build(Requests.With(Requests.Apptainer) with { JobDirectory = "/a\nb" }), Throws.TypeOf<GridWrapperException>());

    [Test]
    public void TheRuntimesEnvironmentHoldsThePayloadsVariablesUnderAPrefix()
    {
        LaunchRequest request = Requests.With(Requests.Apptainer) with { Environment = Variables(("A", "x,y\nz"), ("B", "\\ $(id) `id` \"q\" 'q'"), ("not.a.name", "1"), ("1st", "1"), ("PATH", "/$x")) };
        LaunchSpec spec = new ApptainerLauncher("/cache").Build(request);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(spec.WorkingDirectory, Is.EqualTo("/scratch/job"));
            Assert.That(spec.Environment.Select(v => $"{v.Key}={v.Value}"), Is.EqualTo((string[])
            [
                "APPTAINERENV_A=x,y\nz", "APPTAINERENV_B=\\\\ \\$(id) \\`id\\` \"q\" 'q'", "APPTAINERENV_PATH=/\\$x", "APPTAINER_CACHEDIR=/cache/apptainer/cache",
                "APPTAINER_TMPDIR=/cache/scratch/run-1", "HOME=/cache/apptainer", "PATH=" + PayloadEnvironment.DefaultPath,
            ]));
        }
    }

    [TestCase("--cleanenv", true)]
    [TestCase("--env=A=2", false)]
    [TestCase("--nv", false)]
    public void TheHelperInsideGetsThePayloadAsItIs(string option, bool exact)
    {
        LaunchRequest request = Requests.With(Requests.Apptainer) with { Environment = Variables(("A", "\\ $(id)"), ("not.a.name", "1")), Terminal = true };
        request = request with { Plan = request.Plan with { Site = request.Plan.Site with { Apptainer = request.Plan.Site.Apptainer with { Options = [option] } } } };
        LaunchSpec spec = new ApptainerLauncher("/cache").Build(request);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(spec.Inside!.Argv, Is.EqualTo(PayloadCommand.Create(request)));
            Assert.That(spec.Inside.WorkingDirectory, Is.EqualTo("/scratch/job"));
            Assert.That(spec.Inside.Terminal);
            Assert.That(spec.Inside.Environment, exact ? Is.EqualTo(PayloadEnvironment.Create(request)) : Is.Empty, "variables that the runtime has a part in stay its own");
            Assert.That(ApptainerGuest.Without(spec).Argv, Is.EqualTo(spec.Argv.Where(a => a != "/proc/self/fd/10")));
        }
    }

    [TestCase("--no-eval", "$x")]
    [TestCase("--compat", "$x")]
    [TestCase("--nv", "\\$x")]
    public void ValuesAreEscapedOnlyWhereTheyAreEvaluated(string option, string expected)
    {
        LaunchRequest request = Requests.With(Requests.OldSingularity) with { Environment = Variables(("A", "$x")) };
        request = request with { Plan = request.Plan with { Site = request.Plan.Site with { Apptainer = request.Plan.Site.Apptainer with { Options = [option] } } } };
        Assert.That(new ApptainerLauncher("/cache").Build(request).Environment["SINGULARITYENV_A"], Is.EqualTo(expected));
    }

    private static ImmutableSortedDictionary<string, string> Variables(params ReadOnlySpan<(string Name, string Value)> variables) =>
        variables.ToArray().ToImmutableSortedDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal);

    private static string Short(string options) =>
        "/usr/bin/apptainer exec --containall --no-home --home /scratch/job --pwd /scratch/job --bind /cache/scratch/run-1:/tmp --bind /scratch/job:/scratch/job "
        + "--bind /cache/scratch/run-1:/var/tmp " + options + " " + Tree + " /proc/self/fd/10 /bin/sh -c echo_$HOME";

    private static TestCaseData Case(string name, RuntimeFacts runtime, Func<LaunchRequest, LaunchRequest> change, string expected) =>
        new TestCaseData(runtime, change, expected).SetArgDisplayNames(name);
}
