using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Launching;

/// <summary>What the reports of the probe's ten steps mean, and what the launcher makes of them.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class NamespaceProbeTests
{
    private const int Steps = 10;
    private const int FirstOverlay = 4;
    private const int XattrOverlay = 5;
    private const int RootOverlay = 6;
    private const int Bind = 7;
    private const int Proc = 8;
    private const int Enter = 9;

    [Test]
    public void WhereEverythingWorksEverythingIsSaidToWork()
    {
        NamespaceFacts facts = NamespaceProbe.Judge(Reports());
        Assert.That((StepResult[])[facts.UserNamespace, facts.Bind, facts.Overlay, facts.OverlayUserXattr, facts.FreshProc, facts.Pivot], Is.All.EqualTo(StepResult.Ok));
    }

    [TestCase(0, nameof(NamespaceFacts.UserNamespace)), TestCase(1, nameof(NamespaceFacts.UserNamespace))]
    [TestCase(FirstOverlay, nameof(NamespaceFacts.Overlay)), TestCase(RootOverlay, nameof(NamespaceFacts.Overlay)), TestCase(XattrOverlay, nameof(NamespaceFacts.OverlayUserXattr))]
    [TestCase(Bind, nameof(NamespaceFacts.Bind)), TestCase(Proc, nameof(NamespaceFacts.FreshProc)), TestCase(Enter, nameof(NamespaceFacts.Pivot))]
    public void AFailedStepIsOneFact(int step, string fact)
    {
        NamespaceFacts facts = NamespaceProbe.Judge(Reports((step, 1)));
        StepResult[] failed = [.. typeof(NamespaceFacts).GetProperties().Where(p => p.PropertyType == typeof(StepResult)).Select(p => (StepResult)p.GetValue(facts)!).Where(s => !s.Works)];
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

    [TestCase(-1, null), TestCase(Proc, null), TestCase(XattrOverlay, null)]
    [TestCase(1, "user namespaces do not work here (base: EPERM)"), TestCase(Bind, "bind mounts in a user namespace"), TestCase(FirstOverlay, "overlay in a user namespace"), TestCase(Enter, "pivot_root")]
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
