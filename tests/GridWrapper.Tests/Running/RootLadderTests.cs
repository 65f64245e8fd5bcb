using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Running;
using GridWrapper.Strategies;
using GridWrapper.Tests.Planning;
using static GridWrapper.Tests.Planning.Plans;

namespace GridWrapper.Tests.Running;

/// <summary>A root that is not what its layers mean is kept as an attempt, and the next rung of the ladder is taken.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class RootLadderTests
{
    private static Failure Wrong => new()
    {
        Blame = Blame.Site, Phase = Phase.Launch, Step = LaunchOperations.Expect, Errno = "EEXIST", PilotErrorCode = PilotError.ContainerImageMountFailure, Message = "/x is there", Retryable = true,
    };

    [Test]
    public async Task Overlay_then_fuse_overlayfs_then_one_tree()
    {
        List<RootfsForm> forms = [];
        HostFacts host = Host(fuse: StepResult.Ok);
        Rootfs stack = new() { Strategy = "a", LowerDirectories = ["/1", "/2"], UserXattr = true };
        RootLadder ladder = new("/nonexistent");
        while (await ladder.BelowAsync(host, stack, writable: false, Wrong, CancellationToken.None) is { } below)
        {
            host = below;
            forms.Add(new RootlessLauncher("/nonexistent").FormOn(host));
            stack = forms[^1] == RootfsForm.Tree ? stack with { LowerDirectories = ["/flat"], UserXattr = false } : stack;
        }

        // At the end the one tree is shown by binds.
        Assert.That(forms, Is.EqualTo(new[] { RootfsForm.FuseStack, RootfsForm.Tree, RootfsForm.Tree }));
    }

    [TestCase(LaunchOperations.Serve)]
    [TestCase(LaunchOperations.Overlay)]
    [TestCase(LaunchOperations.Expect)]
    public async Task A_stack_of_served_layers_that_fails_is_tried_again_with_unpacked_ones(string step)
    {
        RootLadder ladder = new("/nonexistent");
        Rootfs stack = new() { Strategy = "a", LowerDirectories = ["/c/mount/1", "/2"], UserXattr = true, Packed = new Dictionary<string, string> { ["/c/mount/1"] = "/c/packed/1" } };
        HostFacts? below = await ladder.BelowAsync(Host(StepResult.Ok), stack, writable: false, Wrong with { Step = step }, CancellationToken.None);
        _ = below!.Namespaces.IsKnown(out NamespaceFacts facts);
        Assert.That((facts.Fuse.Works, facts.OverlayUserXattr.Works), Is.EqualTo((false, true)));
    }

    [Test]
    public async Task Other_faults_change_nothing()
    {
        RootLadder ladder = new("/nonexistent");
        Rootfs stack = new() { Strategy = "a", LowerDirectories = ["/1", "/2"], UserXattr = true };
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ladder.BelowAsync(Host(StepResult.Ok), stack, writable: false, Wrong with { Step = "bind" }, CancellationToken.None), Is.Null);
            Assert.That(await ladder.BelowAsync(Input().Host, stack, writable: false, Wrong, CancellationToken.None), Is.Null, "nothing is known of the node");
        }
    }

    [Test]
    public async Task The_run_goes_down_and_keeps_every_attempt()
    {
        using RunningScratch scratch = new();
        FakeStrategy strategy = new("a", Yes(1));
        ByFacts launcher = new();
        using Composition parts = Composition.Of(scratch.Settings with { Site = Site }, [strategy], [launcher]);
        PlanInput input = Input() with { Host = Host(fuse: StepResult.Ok) };
        Prepared prepared = new(input, Planner.Plan(input, [strategy], [launcher]), new Timings());

        ImageOutcome outcome = await parts.Runner.RunAsync(
            prepared,
            rootfs => new LaunchRequest { Rootfs = rootfs with { UserXattr = true, LowerDirectories = ["/1", "/2"] }, Plan = input, JobDirectory = scratch.Job, ScratchDirectory = scratch.Base },
            new RunControl { Grace = TimeSpan.FromSeconds(1), Stop = new StopSource() },
            CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(strategy.Made, Is.EqualTo(new[] { RootfsForm.Stack, RootfsForm.FuseStack }));
            Assert.That(outcome.Attempts.Select(a => a.Failure?.Step), Is.EqualTo(new[] { LaunchOperations.Expect, null }));
            Assert.That((outcome.Failure, outcome.Result?.ExitCode), Is.EqualTo(((Failure?)null, 0)));
        }
    }

    private static HostFacts Host(StepResult fuse) => Input().Host with
    {
        Namespaces = new Fact<NamespaceFacts>.Known(new NamespaceFacts
        {
            UserNamespace = StepResult.Ok, Bind = StepResult.Ok, Overlay = StepResult.Ok, OverlayUserXattr = StepResult.Ok, FuseOverlay = fuse, FreshProc = StepResult.Ok, Pivot = StepResult.Ok,
        }),
    };

    /// <summary>The rootless launcher's choice of form; its launches fail as long as that is the kernel's stack.</summary>
    private sealed class ByFacts : ILauncher
    {
        public string Name => "one";

        public bool TakesOptionalBinds => true;

        public RootfsForm FormOn(HostFacts host) => new RootlessLauncher("/nonexistent").FormOn(host);

        public Verdict Judge(PlanInput input) => Yes(0);

        public LaunchSpec Build(LaunchRequest request) => new() { Launcher = Name, Argv = [FormOn(request.Plan.Host).ToString()], Environment = request.Environment, WorkingDirectory = "/" };

        public Task<RunResult> RunAsync(LaunchSpec spec, RunControl control, CancellationToken ct) => spec.Argv[0] == nameof(RootfsForm.Stack)
            ? Task.FromException<RunResult>(new GridWrapperException(Wrong))
            : Task.FromResult(new RunResult { ExitCode = 0, StartedAt = DateTimeOffset.UnixEpoch, EndedAt = DateTimeOffset.UnixEpoch });
    }
}
