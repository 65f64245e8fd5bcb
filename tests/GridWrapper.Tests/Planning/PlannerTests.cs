using GridWrapper.Diagnostics;
using GridWrapper.Planning;
using GridWrapper.Strategies;
using static GridWrapper.Tests.Planning.Plans;

namespace GridWrapper.Tests.Planning;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class PlannerTests
{
    private static readonly FakeLauncher One = new("one", RootfsForm.Stack, Yes(0.1));
    private static readonly FakeLauncher Two = new("two", RootfsForm.Tree, Yes(0.2));

    private static string[] Order(RunPlan plan) => [.. plan.Candidates.Select(c => $"{c.Strategy}+{c.Launcher}")];

    [Test]
    public void The_launcher_s_rank_beats_the_time_which_beats_the_strategy_s_rank()
    {
        RunPlan plan = Planner.Plan(
            Input(), [new FakeStrategy("c", Yes(1)), new FakeStrategy("b", Yes(1)), new FakeStrategy("a", Yes(9))], [Two, One]);
        Assert.That(Order(plan), Is.EqualTo(new[] { "b+one", "c+one", "a+one", "b+two", "c+two", "a+two" }));
        Assert.That(plan.Chosen, Is.SameAs(plan.Candidates[0]));
    }

    [Test]
    public void Usable_before_refused_before_not_applicable()
    {
        RunPlan plan = Planner.Plan(
            Input(), [new FakeStrategy("a", Verdict.DoesNotApply("not a directory")), new FakeStrategy("b", No("no space")), new FakeStrategy("c", Yes(100))], [One]);
        Assert.That(Order(plan), Is.EqualTo(new[] { "c+one", "b+one", "a+one" }));
    }

    [Test]
    public void The_same_facts_give_the_same_plan_in_whatever_order_the_parts_come()
    {
        IRootfsStrategy[] strategies = [new FakeStrategy("a", Yes(1)), new FakeStrategy("b", Yes(1)), new FakeStrategy("c", No("x"))];
        string[] forwards = Order(Planner.Plan(Input(), [.. strategies], [One, Two]));
        Assert.That(Order(Planner.Plan(Input(), [.. strategies.Reverse()], [Two, One])), Is.EqualTo(forwards));
    }

    [Test]
    public void Costs_of_both_are_added()
    {
        Candidate candidate = Planner.Plan(Input(), [new FakeStrategy("a", Yes(1, 500))], [One]).Candidates[0];
        Assert.That(candidate.Cost, Is.EqualTo(new Cost(500, 2, 4, 1.1)));
    }

    [Test]
    public void A_strategy_judges_for_the_launcher_s_form()
    {
        FakeStrategy stacked = new("a", form => form == RootfsForm.Stack ? Yes(1) : No("only stacked"));
        Assert.That(Planner.Plan(Input(), [stacked], [One, Two]).Candidates.Select(c => (c.Launcher, c.IsUsable)), Is.EqualTo(new[] { ("one", true), ("two", false) }));
    }

    [Test]
    public void What_is_forced_need_not_be_in_the_profile_and_excludes_the_rest()
    {
        PlanInput input = Input() with { ForcedStrategy = "z", ForcedLauncher = "two" };
        RunPlan plan = Planner.Plan(input, [new FakeStrategy("a", Yes(1)), new FakeStrategy("z", Yes(50))], [One, Two]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plan.Candidates.Where(c => c.IsUsable).Select(c => (c.Strategy, c.Launcher)), Is.EqualTo(new[] { ("z", "two") }));
            Assert.That(plan.Candidates.Single(c => c is { Strategy: "a", Launcher: "two" }).Verdict.Reason, Is.EqualTo("another strategy is forced: z"));
            Assert.That(plan.Candidates.Single(c => c is { Strategy: "z", Launcher: "one" }).IsUsable, Is.False);
        }
    }

    [Test]
    public void What_the_profile_does_not_list_is_refused_and_shown()
    {
        PlanInput input = Input(Site with { Strategies = ["b"], Launchers = ["two"] });
        RunPlan plan = Planner.Plan(input, [new FakeStrategy("a", Yes(1)), new FakeStrategy("b", Yes(2))], [One, Two]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plan.Candidates, Has.Length.EqualTo(4));
            Assert.That(plan.Candidates.Where(c => c.IsUsable).Select(c => (c.Strategy, c.Launcher)), Is.EqualTo(new[] { ("b", "two") }));
            Assert.That(plan.Candidates.Single(c => c is { Strategy: "a", Launcher: "two" }).Verdict.Reason, Does.Contain("does not list this strategy"));
        }
    }

    [Test]
    public void A_failed_plan_is_explained_by_the_reasons_that_count()
    {
        RunPlan plan = Planner.Plan(
            Input(),
            [new FakeStrategy("a", Verdict.DoesNotApply("not a directory")), new FakeStrategy("b", No("no space")), new FakeStrategy("c", No("no space"))],
            [One]);
        Failure failure = Planner.Explain(plan, Input());
        Assert.That(failure.Message, Is.EqualTo("no way to run docker://docker.io/library/demo:1 on this node. b+one, c+one: no space"));
        Assert.That((failure.Phase, failure.Step, failure.PilotErrorCode), Is.EqualTo((Phase.Plan, "choose-strategy", PilotError.ContainerGeneralFailure)));
    }

    [Test]
    public void Several_reasons_are_told_once_each()
    {
        RunPlan plan = Planner.Plan(Input(), [new FakeStrategy("a", No("no space")), new FakeStrategy("b", No("no network"))], [One, Two]);
        Assert.That(Planner.Explain(plan, Input()).Message, Does.EndWith("a+one, a+two: no space; b+one, b+two: no network"));
    }

    [Test]
    public void Where_nothing_applies_that_is_the_explanation()
    {
        RunPlan plan = Planner.Plan(Input(), [new FakeStrategy("a", Verdict.DoesNotApply("not a directory"))], [One]);
        Assert.That(Planner.Explain(plan, Input()).Message, Does.EndWith("a+one: not a directory"));
    }

    [TestCase("Site", true, 75)]
    [TestCase("Cvmfs", true, 75)]
    [TestCase("Site", false, 125)]
    [TestCase("Image", true, 125)]
    [TestCase("User", false, 125)]
    [TestCase("Registry", true, 125)]
    public void Only_what_another_node_may_do_better_is_tried_elsewhere(string blame, bool retryable, int exit)
    {
        RunPlan plan = Planner.Plan(Input(), [new FakeStrategy("a", No("x", Enum.Parse<Blame>(blame), retryable))], [One]);
        Failure failure = Planner.Explain(plan, Input());
        Assert.That((failure.ExitCode, failure.Retryable), Is.EqualTo((exit, retryable)));
    }

    [Test]
    public void A_plan_for_people()
    {
        RunPlan plan = Planner.Plan(
            Input(), [new FakeStrategy("a", Yes(1.25, 12_345_678)), new FakeStrategy("b", No("no space")), new FakeStrategy("c", Verdict.DoesNotApply("not a directory"))], [One]);
        const string golden = """
               strategy     launcher   verdict     fetch seconds  reason
            -> a            one        usable    12.3 MB     1.4  takes 1.25 s
               b            one        refused                    no space
               c            one        -                          not a directory

            """;
        Assert.That(PlanText.Format(plan), Is.EqualTo(golden));
    }

    [TestCase(0L, "0 B")]
    [TestCase(999L, "999 B")]
    [TestCase(1000L, "1 kB")]
    [TestCase(1_500_000L, "1.5 MB")]
    [TestCase(7_000_000_000L, "7.0 GB")]
    public void Sizes_are_readable(long bytes, string text) => Assert.That(PlanText.Size(bytes), Is.EqualTo(text));
}
