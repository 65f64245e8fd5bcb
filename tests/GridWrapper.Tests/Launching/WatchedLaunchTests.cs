using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;
using GridWrapper.Tests.Watching;
using GridWrapper.Watching;

namespace GridWrapper.Tests.Launching;

[TestFixture, Parallelizable(ParallelScope.All), CancelAfter(30_000)]
internal sealed class WatchedLaunchTests
{
    private static readonly RunResult Fine = new() { ExitCode = 0, StartedAt = FakeClock.Origin, EndedAt = FakeClock.Origin };

    [Test]
    public async Task WithoutAWatchTheLauncherIsLeftAlone(CancellationToken ct)
    {
        RunControl control = Control(null);
        Scripted launcher = new((spec, given) => (ReferenceEquals(given, control), spec.CgroupDirectory) == (true, null) ? Fine : throw new AssertionException("touched"));
        RunResult result = await WatchedLaunch.RunAsync(launcher, Spec, control, ct);
        Assert.That(result, Is.SameAs(Fine));
    }

    [Test]
    public async Task TheGroupIsMadeBeforeTheStartAndGoneAfterTheEnd(CancellationToken ct)
    {
        using ProcTree node = Node();
        string? seen = null;
        Scripted launcher = new((spec, _) =>
        {
            seen = spec.CgroupDirectory;
            return Directory.Exists(seen) ? Fine : throw new AssertionException("no group");
        });
        RunResult result = await WatchedLaunch.RunAsync(launcher, Spec, Control(Options(node)), ct);
        Assert.That((Directory.Exists(seen), result.Usage is not null), Is.EqualTo((false, true)));
    }

    [Test]
    public void TheGroupGoesWhereTheLaunchFails()
    {
        using ProcTree node = Node();
        Scripted launcher = new((_, _) => throw new InvalidOperationException("refused"));
        Assert.That(() => WatchedLaunch.RunAsync(launcher, Spec, Control(Options(node)), CancellationToken.None), Throws.InvalidOperationException);
        Assert.That(Directory.GetDirectories(node.Root + "/sys/fs/cgroup"), Is.Empty);
    }

    [TestCase(137, StopReason.None, StopReason.Memory, true)]
    [TestCase(0, StopReason.None, StopReason.None, false)]
    [TestCase(143, StopReason.Cancelled, StopReason.Cancelled, false)]
    public async Task AKillByTheKernelIsToldApart(int exitCode, StopReason stopped, StopReason expected, bool breach, CancellationToken ct)
    {
        using ProcTree node = Node();
        Scripted launcher = new((spec, _) =>
        {
            File.WriteAllText(spec.CgroupDirectory + "/memory.events", "oom 1\noom_kill 1\n");
            File.WriteAllText(spec.CgroupDirectory + "/cpu.stat", "usage_usec 2500000\n");
            return Fine with { ExitCode = exitCode, StopReason = stopped };
        });
        RunResult result = await WatchedLaunch.RunAsync(launcher, Spec, Control(Options(node)), ct);
        Assert.That((result.OomKilled, result.StopReason, result.Breach is not null, result.CpuSeconds), Is.EqualTo((true, expected, breach, 2.5)));
    }

    [Test]
    public async Task WhereTheKernelCountsProcessesOfTheNamespaceItHoldsTheirNumber(CancellationToken ct)
    {
        using ProcTree node = new();
        ImmutableArray<ResourceLimit> limits = [];
        Scripted launcher = new((spec, _) =>
        {
            limits = spec.ResourceLimits;
            return Fine;
        });
        WatchOptions options = Options(node) with { Limits = new PayloadLimits { Processes = new Limit(100, "x") } };
        await WatchedLaunch.RunAsync(launcher, Spec with { UidMap = ["1 1 1"] }, Control(options), ct);
        Assert.That(limits, Is.EqualTo(Environment.OSVersion.Version >= new Version(5, 14) ? [new ResourceLimit(6, 102, 102)] : Array.Empty<ResourceLimit>()));
        await WatchedLaunch.RunAsync(launcher, Spec, Control(options), ct);
        Assert.That(limits, Is.Empty);
    }

    [Test]
    public void EveryKindOfLimitHasAStopReason() =>
        Assert.That(Enum.GetValues<LimitKind>().Select(WatchedLaunch.Reason), Has.None.EqualTo(StopReason.None));

    [Test]
    public void AShellJoinsTheGroupAndBecomesTheRuntime()
    {
        ImmutableArray<string> argv = CgroupJoin.Before("/sys/fs/cgroup/a b", ["/usr/bin/apptainer", "exec", "$(x)"]);
        Assert.That(argv[0], Is.EqualTo("/bin/sh"));
        Assert.That(argv[^4..], Is.EqualTo((string[])["/sys/fs/cgroup/a b", "/usr/bin/apptainer", "exec", "$(x)"]));
    }

    private static LaunchSpec Spec => new() { Launcher = "x", Argv = ["x"], Environment = ImmutableSortedDictionary<string, string>.Empty, WorkingDirectory = "/" };

    private static ProcTree Node()
    {
        ProcTree node = new();
        node.Write("proc/self/cgroup", "0::/\n");
        node.Write("proc/self/mountinfo", "30 25 0:27 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n");
        Directory.CreateDirectory(node.Root + "/sys/fs/cgroup");
        return node;
    }

    private static WatchOptions Options(ProcTree node) => new() { JobDirectory = node.Root, Root = node.Root };

    private static RunControl Control(WatchOptions? watch) => new() { Grace = TimeSpan.FromSeconds(1), Stop = new StopSource(), Watch = watch };

    private sealed class Scripted(Func<LaunchSpec, RunControl, RunResult> run) : ILauncher
    {
        public string Name => "scripted";

        public bool TakesOptionalBinds => true;

        public RootfsForm FormOn(HostFacts host) => RootfsForm.Tree;

        public Verdict Judge(PlanInput input) => throw new NotSupportedException();

        public LaunchSpec Build(LaunchRequest request) => throw new NotSupportedException();

        public Task<RunResult> RunAsync(LaunchSpec spec, RunControl control, CancellationToken ct) => Task.FromResult(run(spec, control));
    }
}
