using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Running;
using GridWrapper.Strategies;
using GridWrapper.Tests.Planning;
using static GridWrapper.Tests.Planning.Plans;

namespace GridWrapper.Tests.Running;

/// <summary>The fallback loop: what fails before the payload starts leads to the next candidate, and every try is kept.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ImageRunnerTests
{
    private static FakeLauncher Launcher(string name, RootfsForm form = RootfsForm.Stack, Failure? fails = null, int exit = 0) =>
        new(name, form, Yes(0)) { Fails = fails, ExitCode = exit };

    private static FakeStrategy Strategy(string name, double seconds, Func<RootfsForm, Failure?>? fails = null) =>
        new(name, Yes(seconds)) { Fails = fails ?? (_ => null) };

    private static async Task<ImageOutcome> RunAsync(FakeStrategy[] strategies, FakeLauncher[] launchers, CancellationToken ct = default)
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with { Site = Site };
        using Composition parts = Composition.Of(settings, [.. strategies], [.. launchers]);
        PlanInput input = Input();
        Prepared prepared = new(input, Planner.Plan(input, [.. strategies], [.. launchers]), new Timings { Probe = 1 });
        return await parts.Runner.RunAsync(
            prepared,
            rootfs => new LaunchRequest { Rootfs = rootfs, Plan = input, JobDirectory = scratch.Job, ScratchDirectory = scratch.Base },
            new RunControl { Grace = TimeSpan.FromSeconds(1), Stop = new StopSource() },
            ct);
    }

    private static string[] Told(ImageOutcome outcome) =>
        [.. outcome.Attempts.Select(a => $"{a.Strategy}+{a.Launcher} {a.Phase} {a.Failure?.Message ?? "ran"}")];

    [Test]
    public async Task The_first_candidate_that_works_is_the_only_one_tried()
    {
        FakeStrategy second = Strategy("b", 2);
        ImageOutcome outcome = await RunAsync([Strategy("a", 1), second], [Launcher("one")]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Told(outcome), Is.EqualTo(new[] { "a+one Payload ran" }));
            Assert.That((outcome.Failure, outcome.Rootfs?.Strategy, outcome.Result?.ExitCode), Is.EqualTo(((Failure?)null, "a", 0)));
            Assert.That(second.Made, Is.Empty);
            Assert.That((outcome.Timings.Probe, outcome.Timings.Payload), Is.EqualTo((1, 2)));
        }
    }

    [Test]
    public async Task A_payload_that_fails_is_a_result_and_not_tried_again()
    {
        FakeLauncher launcher = Launcher("one", exit: 7);
        ImageOutcome outcome = await RunAsync([Strategy("a", 1), Strategy("b", 2)], [launcher]);
        Assert.That((outcome.Failure, outcome.Result?.ExitCode, launcher.Launched), Is.EqualTo(((Failure?)null, 7, new[] { "/made/a" })));
    }

    [Test]
    public async Task A_root_that_cannot_be_made_leads_to_the_next_strategy()
    {
        ImageOutcome outcome = await RunAsync([Strategy("a", 1, _ => Trouble(Phase.Materialise, "no such layer")), Strategy("b", 2)], [Launcher("one")]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Told(outcome), Is.EqualTo(new[] { "a+one Materialise no such layer", "b+one Payload ran" }));
            Assert.That((outcome.Failure, outcome.Rootfs?.Strategy), Is.EqualTo(((Failure?)null, "b")));
        }
    }

    [Test]
    public async Task A_launch_that_fails_leads_to_the_next_launcher_with_a_new_root()
    {
        FakeStrategy strategy = Strategy("a", 1);
        ImageOutcome outcome = await RunAsync([strategy], [Launcher("one", fails: Trouble(Phase.Launch, "no overlay")), Launcher("two", RootfsForm.Tree)]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Told(outcome), Is.EqualTo(new[] { "a+one Launch no overlay", "a+two Payload ran" }));
            Assert.That(strategy.Made, Is.EqualTo(new[] { RootfsForm.Stack, RootfsForm.Tree }));
            Assert.That(outcome.Failure, Is.Null);
        }
    }

    [Test]
    public async Task A_strategy_that_failed_is_not_asked_for_the_same_form_again()
    {
        FakeStrategy strategy = Strategy("a", 1, _ => Trouble(Phase.Materialise, "gone"));
        ImageOutcome outcome = await RunAsync([strategy], [Launcher("one"), Launcher("two")]);
        Assert.That((strategy.Made.Count, Told(outcome)), Is.EqualTo((1, new[] { "a+one Materialise gone" })));
    }

    [Test]
    public async Task A_strategy_that_failed_is_asked_for_another_form()
    {
        FakeStrategy strategy = Strategy("a", 1, form => form == RootfsForm.Stack ? Trouble(Phase.Materialise, "gone") : null);
        ImageOutcome outcome = await RunAsync([strategy], [Launcher("one"), Launcher("two", RootfsForm.Tree)]);
        Assert.That(Told(outcome), Is.EqualTo(new[] { "a+one Materialise gone", "a+two Payload ran" }));
    }

    [Test]
    public async Task Where_all_fail_the_first_failure_is_told_and_all_are_kept()
    {
        ImageOutcome outcome = await RunAsync(
            [Strategy("a", 1, _ => Trouble(Phase.Materialise, "first")), Strategy("b", 2, _ => Trouble(Phase.Materialise, "second"))], [Launcher("one")]);
        Assert.That((outcome.Failure?.Message, outcome.Result, outcome.Attempts.Length), Is.EqualTo(("first", (RunResult?)null, 2)));
    }

    [Test]
    public async Task Without_a_usable_candidate_nothing_is_tried_and_the_plan_explains()
    {
        FakeStrategy strategy = new("a", No("no space"));
        ImageOutcome outcome = await RunAsync([strategy], [Launcher("one")]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.Failure?.Message, Does.Contain("a+one: no space"));
            Assert.That((outcome.Attempts.Length, strategy.Made.Count), Is.EqualTo((0, 0)));
        }
    }

    [Test]
    public async Task After_a_stop_no_other_candidate_is_tried()
    {
        using CancellationTokenSource stop = new();
        FakeStrategy first = Strategy("a", 1, _ =>
        {
            stop.Cancel();
            return Trouble(Phase.Materialise, "interrupted");
        });
        FakeStrategy second = Strategy("b", 2);
        ImageOutcome outcome = await RunAsync([first, second], [Launcher("one")], stop.Token);
        Assert.That((Told(outcome), second.Made.Count), Is.EqualTo((new[] { "a+one Materialise interrupted" }, 0)));
    }
}
