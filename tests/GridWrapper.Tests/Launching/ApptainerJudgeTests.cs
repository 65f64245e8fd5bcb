using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using GridWrapper.Tests.Planning;

namespace GridWrapper.Tests.Launching;

/// <summary>When the apptainer launcher says yes, and which reason it names otherwise.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ApptainerJudgeTests
{
    private static readonly RuntimeFacts Broken = new("/opt/bin/apptainer", "apptainer", "1.2.0", "profile", new StepResult(false, "EPERM", "ERROR  : Failed to create user namespace"));

    private static readonly RuntimeFacts TooOld = Requests.OldSingularity with { Version = "3.5.3-1.el7" };

    public static IReadOnlyList<TestCaseData> Usable { get; } =
    [
        Case("one", [Requests.Apptainer], "apptainer 1.4.5 at /usr/bin/apptainer"),
        Case("the first that works", [Broken, TooOld, Requests.OldSingularity, Requests.Apptainer], "singularity 3.8.7-1.el8 at /usr/bin/singularity"),
        Case("a version nobody knows", [Requests.OldSingularity with { Version = "main-branch" }], "singularity main-branch at /usr/bin/singularity"),
    ];

    public static IReadOnlyList<TestCaseData> Refused { get; } =
    [
        new TestCaseData(new Fact<ImmutableArray<RuntimeFacts>>.Absent("not on PATH"), "no Apptainer on this node: not on PATH", 1372, null).SetArgDisplayNames("absent"),
        new TestCaseData(new Fact<ImmutableArray<RuntimeFacts>>.Unknown("probe hung"), "whether Apptainer is on this node could not be told: probe hung", 1372, null).SetArgDisplayNames("unknown"),
        new TestCaseData(Known([]), "no Apptainer on this node", 1372, null).SetArgDisplayNames("none"),
        new TestCaseData(Known([Broken, TooOld]), "/opt/bin/apptainer (1.2.0): ERROR  : Failed to create user namespace; /usr/bin/singularity (3.5.3-1.el7): too old, 3.6 is the first that will do", 1306, "EPERM")
            .SetArgDisplayNames("broken and too old"),
    ];

    [TestCaseSource(nameof(Usable))]
    public void IsUsable(ImmutableArray<RuntimeFacts> runtimes, string reason)
    {
        Verdict verdict = new ApptainerLauncher("/cache").Judge(Requests.Plan(Known(runtimes)));
        Assert.That((verdict as Verdict.Usable, verdict.Reason), Is.EqualTo((Verdict.Yes(new Cost(0, 0, 0, 0.25), reason), reason)));
    }

    [TestCaseSource(nameof(Refused))]
    public void IsRefused(object runtimes, string reason, int pilotErrorCode, string? errno)
    {
        Verdict.Refused? verdict = new ApptainerLauncher("/cache").Judge(Requests.Plan((Fact<ImmutableArray<RuntimeFacts>>)runtimes)) as Verdict.Refused;
        Assert.That((verdict?.Reason, verdict?.PilotErrorCode, verdict?.Errno, verdict?.Retryable), Is.EqualTo((reason, pilotErrorCode, errno, true)));
    }

    [Provokes(PilotError.SingularityNotInstalled, PilotError.ApptainerNotInstalled)]
    [TestCase("/opt/singularity-3.8/bin/singularity", PilotError.SingularityNotInstalled, "no Singularity on this node: not on PATH; the profile names /opt/singularity-3.8/bin/singularity")]
    [TestCase("/opt/bin/apptainer", PilotError.ApptainerNotInstalled, "no Apptainer on this node: not on PATH")]
    public void What_the_site_asks_for_by_name_is_missed_by_that_name(string program, int code, string reason)
    {
        PlanInput input = Requests.Plan((Fact<ImmutableArray<RuntimeFacts>>)new Fact<ImmutableArray<RuntimeFacts>>.Absent("not on PATH"));
        input = input with { Site = input.Site with { Strategies = ["a"], Launchers = ["apptainer"], Apptainer = new ApptainerPolicy { Programs = [program] } } };
        ImmutableArray<IRootfsStrategy> strategies = [new FakeStrategy("a", Plans.Yes(1))];
        Failure failure = Planner.Explain(Planner.Plan(input, strategies, [new ApptainerLauncher("/cache")]), input);
        Assert.That((failure.PilotErrorCode, failure.Blame, failure.ExitCode, failure.Step), Is.EqualTo((code, Blame.Site, 75, "choose-strategy")));
        Assert.That(failure.Message, Does.EndWith(reason));
    }

    private static Fact<ImmutableArray<RuntimeFacts>> Known(ImmutableArray<RuntimeFacts> runtimes) => new Fact<ImmutableArray<RuntimeFacts>>.Known(runtimes);

    private static TestCaseData Case(string name, ImmutableArray<RuntimeFacts> runtimes, string reason) => new TestCaseData(runtimes, reason).SetArgDisplayNames(name);
}
