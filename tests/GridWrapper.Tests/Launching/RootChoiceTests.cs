using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Tests.Launching;

/// <summary>Which rung of the ladder a root stands on, and which comes below it.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class RootChoiceTests
{
    private static readonly StepResult No = new(false, "EPERM", "no");

    [TestCase(true, true, false, 3, false, RootKind.Overlay)]
    [TestCase(true, true, true, 3, true, RootKind.Overlay)]
    [TestCase(true, false, true, 3, false, RootKind.FuseOverlay)]
    [TestCase(true, false, false, 3, false, RootKind.None)]
    [TestCase(true, false, false, 1, true, RootKind.Overlay)]
    [TestCase(false, false, true, 1, false, RootKind.Binds)]
    [TestCase(false, false, true, 1, true, RootKind.FuseOverlay)]
    [TestCase(false, true, true, 3, false, RootKind.FuseOverlay)]
    public void The_root_stands_on_the_highest_rung_that_holds(bool overlay, bool xattr, bool fuse, int layers, bool writable, RootKind expected) =>
        Assert.That(RootChoice.Of(Root(layers), writable, Facts(overlay, xattr, fuse)), Is.EqualTo(expected));

    [Test]
    public void Where_nothing_was_asked_the_kernel_is_trusted() => Assert.That(RootChoice.Of(Root(2), writable: false, new Fact<NamespaceFacts>.Unknown("not asked")), Is.EqualTo(RootKind.Overlay));

    [Test]
    public void Every_fault_refutes_one_fact_until_none_is_left()
    {
        List<RootKind> rungs = [];
        Fact<NamespaceFacts> facts = Facts(overlay: true, xattr: true, fuse: true);
        Rootfs root = Root(3);
        while (RootChoice.Of(root, writable: false, facts) is not RootKind.None and var kind)
        {
            rungs.Add(kind);
            if (!facts.IsKnown(out NamespaceFacts known) || RootChoice.Below(known, kind, root, Fault(LaunchOperations.Expect)) is not { } lower)
            {
                break;
            }

            facts = new Fact<NamespaceFacts>.Known(lower);
            root = Root(lower.StacksLayers || lower.FuseOverlay.Works ? 3 : 1);
        }

        Assert.That(rungs, Is.EqualTo(new[] { RootKind.Overlay, RootKind.FuseOverlay, RootKind.Overlay, RootKind.Binds }));
    }

    [TestCase(LaunchOperations.Overlay, Blame.Site, true)]
    [TestCase(LaunchOperations.FuseOverlay, Blame.Site, true)]
    [TestCase(LaunchOperations.Expect, Blame.Site, true)]
    [TestCase(LaunchOperations.Expect, Blame.Cvmfs, false, Description = "what it stands on is dead: another root of it would be no better")]
    [TestCase(LaunchOperations.Bind, Blame.Site, false)]
    public void Only_faults_of_the_root_itself_lead_down(string step, Blame blame, bool expected) => Assert.That(RootChoice.IsAtFault(Fault(step) with { Blame = blame }), Is.EqualTo(expected));

    private static Failure Fault(string step) => new() { Blame = Blame.Site, Phase = Phase.Launch, Step = step, Errno = "EEXIST", PilotErrorCode = PilotError.ContainerImageMountFailure, Message = "wrong" };

    private static Rootfs Root(int layers) => new() { Strategy = "x", LowerDirectories = [.. Enumerable.Range(0, layers).Select(i => $"/l{i}")], UserXattr = layers > 1 };

    private static Fact<NamespaceFacts> Facts(bool overlay, bool xattr, bool fuse) => new Fact<NamespaceFacts>.Known(new NamespaceFacts
    {
        UserNamespace = StepResult.Ok,
        Bind = StepResult.Ok,
        Overlay = overlay ? StepResult.Ok : No,
        OverlayUserXattr = xattr ? StepResult.Ok : No,
        FuseOverlay = fuse ? StepResult.Ok : No,
        FreshProc = StepResult.Ok,
        Pivot = StepResult.Ok,
    });
}
