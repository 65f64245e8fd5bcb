using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Outputs;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Staging;
using GridWrapper.Strategies;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Documentation;

/// <summary>The documents that the program writes are what their published schemas say.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class DocumentsOnSchemaTest
{
    private static readonly Digest Layer = Digest.Of("layer"u8);

    private static readonly HostFacts Host = new()
    {
        Node = new NodeFacts
        {
            HostName = "wn1", OperatingSystem = "x", Kernel = "5.14", Architecture = "amd64", CpuLevel = "x86-64-v3", CpuModel = "x", Cores = 8, MemoryBytes = 1 << 30, Uid = 1000, Gid = 1000,
        },
        Namespaces = new Fact<NamespaceFacts>.Known(new NamespaceFacts
        {
            UserNamespace = StepResult.Ok, Bind = StepResult.Ok, Overlay = StepResult.Ok, OverlayUserXattr = new StepResult(false, "EINVAL", "mount"), FreshProc = StepResult.Ok, Pivot = StepResult.Ok,
        }),
        Runtimes = new Fact<ImmutableArray<RuntimeFacts>>.Known([new RuntimeFacts("/usr/bin/apptainer", "apptainer", "1.4.5", "path", StepResult.Ok)]),
        Cvmfs = new Fact<CvmfsFacts>.Known(new CvmfsFacts
        {
            Root = "/cvmfs",
            Repositories = [new CvmfsRepositoryFacts { Name = "r.e", Path = "/cvmfs/r.e", State = CvmfsState.Hung, Detail = "no answer", Errno = "ETIMEDOUT", Seconds = 60, LeakedProbePid = 7 }],
        }),
        Space = [new SpaceFacts("work", "/w", 1L << 40, 1000, "ext4")],
        Gpus = new Fact<ImmutableArray<GpuFacts>>.Absent("no devices"),
    };

    private static readonly PlanInput Input = new()
    {
        Site = new SiteProfile { Name = "x" },
        Host = Host,
        CacheDirectory = "/c",
        Image = new ImageFacts
        {
            Reference = new ImageReference.InRegistry("docker.io", "library/alpine", "3.20", null),
            Resolved = new Fact<ResolvedImage>.Known(new ResolvedImage(
                new ImageManifest { Digest = Digest.Of("m"u8), MediaType = "m", Config = new Descriptor("c", Digest.Of("c"u8), 1), Layers = [new Descriptor("l", Layer, 5)] },
                new ImageConfig { Platform = new Platform("linux", "amd64") })),
        },
    };

    private static readonly RunPlan Plan = new(
    [
        new Candidate("registry", "rootless", Verdict.Yes(new Cost(5, 3, 2, 0.25), "pull")),
        new Candidate("cvmfs-flat", "rootless", Verdict.DoesNotApply("no /cvmfs")),
    ]);

    private static readonly Failure Trouble = new() { Blame = Blame.GridWrap, Phase = Phase.Outputs, Step = "s", Errno = "EPERM", PilotErrorCode = PilotError.MissingOutputFile, Message = "m" };

    private static readonly JobRequest Job = new()
    {
        PandaId = 42,
        Image = Input.Image.Reference,
        Exec = "true",
        Sandbox = new Sandbox(new Uri("https://h"), "jobO.1.tar.gz"),
        InMap = [new InputStream("PU", ["a", "b"])],
        Outputs = [new OutputSpec("o", "L", OutputKind.File), new OutputSpec("*.x", "M", OutputKind.Glob)],
    };

    private static IEnumerable<TestCaseData> Outcomes()
    {
        static TestCaseData Case(string name, JobOutcome outcome) => new TestCaseData(outcome).SetName(name);
        ImageOutcome image = new() { Input = Input, Plan = Plan };
        yield return Case("a job that could not be read", new JobOutcome { Failure = Trouble, Timings = new Timings() });
        yield return Case("nothing usable", new JobOutcome { Job = Job, PandaId = 42, Attempt = 3, Failure = Trouble, Timings = new Timings(), Image = image with { Plan = new RunPlan([Plan.Candidates[1]]) } });
        yield return Case("a fall-back and a full run", new JobOutcome
        {
            Job = Job,
            Timings = new Timings { Probe = 0.123456 },
            Reporting = new ReportingState("https://h:25443", null, 0, 1),
            Image = image with
            {
                Attempts = [new Attempt("cvmfs-flat", "rootless", Phase.Materialise, 0.5, Trouble), new Attempt("registry", "rootless", Phase.Payload, 1.5, null)],
                Rootfs = new Rootfs { Strategy = "registry", LowerDirectories = ["/l"], Layers = [new LayerOrigin(Layer, 5, "registry")] },
                Result = new RunResult { ExitCode = 137, Signal = 9, StartedAt = DateTimeOffset.UnixEpoch, EndedAt = DateTimeOffset.UnixEpoch.AddSeconds(1.5), StopReason = StopReason.LostHeartbeat },
            },
            Outputs = new OutputSet
            {
                Files = [new OutputFile { Name = "o", Lfn = "L", Path = "/w/L", SizeBytes = 3, Adler32 = "00000001", Guid = Guid.Empty.ToString().ToUpperInvariant() }],
                Missing = ["M"],
            },
        });
    }

    [TestCaseSource(nameof(Outcomes))]
    public async Task A_result(object outcome) =>
        Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/gridwrap-result.schema.json", ResultDocument.Create((JobOutcome)outcome).ToString()), Is.Empty);

    [Test]
    public async Task The_accounts_of_several_jobs()
    {
        Newtonsoft.Json.Linq.JArray accounts = new(Outcomes().Select(static o => ResultDocument.Create((JobOutcome)o.Arguments[0]!)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/jobs.schema.json", accounts.ToString()), Is.Empty);
            Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/jobs.schema.json", "[]"), Is.Empty);
            Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/jobs.schema.json", """[{"schemaVersion": 1}]"""), Is.Not.Empty);
            Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/jobs.schema.json", accounts[0].ToString()), Is.Not.Empty, "one account is no list");
        }
    }

    [Test]
    public async Task A_plan() =>
        Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/plan.schema.json", DryRunDocument.Plan(new Prepared(Input, Plan, new Timings()), [new Finding("platform", Finding.Ok, "fits")]).ToString()), Is.Empty);

    [TestCase(true, true)]
    [TestCase(true, false)]
    [TestCase(false, true)]
    public async Task A_dry_run(bool ofJob, bool usable)
    {
        LaunchSpec launch = new()
        {
            Launcher = "rootless", Argv = ["/bin/sh"], Environment = ImmutableSortedDictionary<string, string>.Empty.Add("A", "b"), WorkingDirectory = "/w", UidMap = ["1000 1000 1"],
            Operations = [new LaunchOperation("tmpfs", null, "/tmp", "size=1")],
        };
        JObject document = DryRunDocument.Create(new DryRun(ofJob ? Job : null, ["/bin/sh"], new Prepared(Input, Plan, new Timings()), usable ? launch : null, ["w"])
        {
            Storage = ofJob ? new StoragePlan([new StoragePlan.Entry("i", ["/pool/i"])], [new StoragePlan.Entry("L", ["root://se//L", "harvester://"])]) : null,
        });
        Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/dry-run.schema.json", document.ToString()), Is.Empty);
    }

    [Test]
    public async Task The_facts_of_a_node() =>
        Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/probe.schema.json", HostFactsReport.Json(Host).ToString()), Is.Empty);
}
