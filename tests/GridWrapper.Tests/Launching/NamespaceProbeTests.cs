using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Launching;

/// <summary>What the reports of the probe's eleven steps mean, and what the launcher makes of them.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class NamespaceProbeTests
{
    private const int Steps = 12;
    private const int FirstOverlay = 2;
    private const int XattrOverlay = 3;
    private const int RootOverlay = 4;
    private const int Underlay = 5;
    private const int Opened = 6;
    private const int Bind = 8;
    private const int Proc = 9;
    private const int Fuse = 10;
    private const int Enter = 11;

    [Test]
    public void WhereEverythingWorksEverythingIsSaidToWork()
    {
        NamespaceFacts facts = NamespaceProbe.Judge(Reports());
        Assert.That((StepResult[])[facts.UserNamespace, facts.Bind, facts.Overlay, facts.OverlayUserXattr, facts.FreshProc, facts.Pivot], Is.All.EqualTo(StepResult.Ok));
    }

    [TestCase(0, nameof(NamespaceFacts.UserNamespace)), TestCase(1, nameof(NamespaceFacts.UserNamespace))]
    [TestCase(FirstOverlay, nameof(NamespaceFacts.Overlay)), TestCase(RootOverlay, nameof(NamespaceFacts.Overlay)), TestCase(XattrOverlay, nameof(NamespaceFacts.OverlayUserXattr))]
    [TestCase(Underlay, nameof(NamespaceFacts.Underlay)), TestCase(Opened, nameof(NamespaceFacts.Underlay))]
    [TestCase(Bind, nameof(NamespaceFacts.Bind)), TestCase(Proc, nameof(NamespaceFacts.FreshProc)), TestCase(Fuse, nameof(NamespaceFacts.Fuse)), TestCase(Enter, nameof(NamespaceFacts.Pivot))]
    public void AFailedStepIsOneFact(int step, string fact)
    {
        NamespaceFacts facts = NamespaceProbe.Judge(Reports((step, 1)));
        StepResult[] failed = [.. typeof(NamespaceFacts).GetProperties().Where(p => p.PropertyType == typeof(StepResult) && p.Name != nameof(NamespaceFacts.FuseOverlay)).Select(p => (StepResult)p.GetValue(facts)!).Where(s => !s.Works)];
        StepResult one = (StepResult)typeof(NamespaceFacts).GetProperty(fact)!.GetValue(facts)!;
        Assert.That((failed.Length, one.Works, one.Errno), Is.EqualTo((1, false, "EPERM")));
    }

    [Test]
    public void ANamespaceThatCannotBeMadeLeavesTheRestUntried()
    {
        NamespaceFacts facts = NamespaceProbe.Judge([new InitReport(InitReportKind.SetupFailed, 0x10001, 28, 0, 0, 0)]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(facts.UserNamespace, Is.EqualTo(new StepResult(false, "ENOSPC", "unshare: ENOSPC")));
            Assert.That(facts.Overlay, Is.EqualTo(new StepResult(false, null, "not tried: an earlier step failed")));
        }
    }

    [Test]
    public void AProbeThatSaysNothingProvesNothing() => Assert.That(NamespaceProbe.Judge([]).UserNamespace.Works, Is.False);

    [TestCase(-1, null), TestCase(Proc, null), TestCase(XattrOverlay, null), TestCase(FirstOverlay, null), TestCase(Underlay, null)]
    [TestCase(1, "user namespaces do not work here (base: EPERM)"), TestCase(Bind, "bind mounts in a user namespace"), TestCase(Enter, "taking the new root")]
    public void TheLauncherSaysWhatIsMissing(int failed, string? reason)
    {
        PlanInput input = Input(new Fact<NamespaceFacts>.Known(NamespaceProbe.Judge(failed < 0 ? Reports() : Reports((failed, 1)))));
        Verdict verdict = new RootlessLauncher("/cache").Judge(input);
        if (reason is null)
        {
            Assert.That(verdict, Is.InstanceOf<Verdict.Usable>());
        }
        else
        {
            Assert.That(verdict, Is.InstanceOf<Verdict.Refused>().With.Property("Reason").StartWith(reason).And.Property("Errno").EqualTo("EPERM").And.Property("PilotErrorCode").EqualTo(PilotError.UserNamespaceFailed));
        }
    }

    [Test]
    public void WithoutOverlayTheRootComesFromBindsAndThePlanSaysSo()
    {
        RootlessLauncher launcher = new("/cache");
        PlanInput input = Input(new Fact<NamespaceFacts>.Known(NamespaceProbe.Judge(Reports((FirstOverlay, 19), (XattrOverlay, 19), (RootOverlay, 19), (Proc, 1)))));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(launcher.Judge(input), Is.InstanceOf<Verdict.Usable>().With.Property("Note")
                .EqualTo("no overlay in user namespaces (overlay-test: ENODEV), so the root is put together from binds; no fresh /proc (proc: EPERM), so the payload sees the node's processes"));
            Assert.That(launcher.FormOn(input.Host), Is.EqualTo(GridWrapper.Strategies.RootfsForm.Tree));
            Assert.That(launcher.Judge(input with { Writable = true }), Is.InstanceOf<Verdict.Refused>().With.Property("Reason").StartWith("a writable root needs overlay"));
        }
    }

    [Test]
    public void WithoutOverlayAndUnderlayThereIsNoRoot() => Assert.That(
        new RootlessLauncher("/cache").Judge(Input(new Fact<NamespaceFacts>.Known(NamespaceProbe.Judge(Reports((FirstOverlay, 19), (Underlay, 1)))))),
        Is.InstanceOf<Verdict.Refused>().With.Property("Reason").Contain("putting the root together from binds does not work here (underlay: EPERM)"));

    [Test]
    public void LayersAreStackedOnlyWhereTheirRemovalsAreHonoured()
    {
        RootlessLauncher launcher = new("/cache");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(launcher.FormOn(Input(new Fact<NamespaceFacts>.Known(NamespaceProbe.Judge(Reports()))).Host), Is.EqualTo(GridWrapper.Strategies.RootfsForm.Stack));
            Assert.That(launcher.FormOn(Input(new Fact<NamespaceFacts>.Known(NamespaceProbe.Judge(Reports((XattrOverlay, 22))))).Host), Is.EqualTo(GridWrapper.Strategies.RootfsForm.Tree));
            Assert.That(launcher.FormOn(Input(new Fact<NamespaceFacts>.Unknown("no answer")).Host), Is.EqualTo(GridWrapper.Strategies.RootfsForm.Stack));
        }
    }

    [TestCase(0, "and not used"), TestCase(-1, "user.max_user_namespaces")]
    public void TheAdviceFitsTheStep(int step, string advice)
    {
        InitReport[] reports = step < 0 ? [new InitReport(InitReportKind.SetupFailed, 0x10001, 1, 0, 0, 0)] : Reports((step, 1));
        Assert.That(new RootlessLauncher("/cache").Judge(Input(new Fact<NamespaceFacts>.Known(NamespaceProbe.Judge(reports)))), Is.InstanceOf<Verdict.Refused>().With.Property("Reason").Contain(advice));
    }

    [Test]
    public void WhatCouldNotBeToldIsNotTried() => Assert.That(
        new RootlessLauncher("/cache").Judge(Input(new Fact<NamespaceFacts>.Unknown("no answer within 5 s"))),
        Is.InstanceOf<Verdict.Refused>().With.Property("Reason").Contain("no answer within 5 s"));

    private static PlanInput Input(Fact<NamespaceFacts> namespaces)
    {
        PlanInput input = Requests.Plan(new Fact<ImmutableArray<RuntimeFacts>>.Known([]));
        return input with { Host = input.Host with { Namespaces = namespaces } };
    }

    private static InitReport[] Reports(params (int Step, int Errno)[] failed) =>
        [.. Enumerable.Range(0, Steps).Select(i => new InitReport(InitReportKind.Step, (uint)i, failed.Where(f => f.Step == i).Select(f => f.Errno).FirstOrDefault(), 0, 0, 0))];
}
