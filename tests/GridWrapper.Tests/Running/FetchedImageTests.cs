using GridWrapper.Planning;
using GridWrapper.Running;
using GridWrapper.Tests.Planning;
using static GridWrapper.Tests.Planning.Plans;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class FetchedImageTests
{
    [Test]
    public void A_way_that_only_shows_the_root_fetches_nothing_and_the_others_say_why_they_cannot()
    {
        using RunningScratch scratch = new();
        FakeStrategy[] strategies = [new("a", Yes(0)) { LeavesRoot = false }, new("b", No("no space for it"))];
        FakeLauncher[] launchers = [new("one", GridWrapper.Strategies.RootfsForm.Stack, Yes(0))];
        using Composition parts = Composition.Of(scratch.Settings with { Site = Site }, [.. strategies], [.. launchers]);
        PlanInput input = Input();
        Prepared all = new(input, Planner.Plan(input, [.. strategies], [.. launchers]), new Timings());
        Prepared lasting = FetchedImage.Lasting(parts, all, asRoot: true);
        Assert.That((all.Plan.Chosen?.Strategy, lasting.Plan.Chosen), Is.EqualTo(("a", (Candidate?)null)));
        Assert.That(lasting.WhyNothing.Message, Does.Contain("no space for it"));
    }

    /// <summary>As every image of a registry has them: the ways of image files do not apply, and are one line of the plan.</summary>
    [Test]
    public void Ways_that_do_not_apply_are_in_nobodys_way()
    {
        using RunningScratch scratch = new();
        FakeStrategy[] strategies =
        [
            new("a", Verdict.DoesNotApply("no file")) { Way = "shown", LeavesRoot = false },
            new("a", Verdict.DoesNotApply("no file")) { Way = "unpacked" },
            new("b", Yes(0)),
        ];
        FakeLauncher[] launchers = [new("one", GridWrapper.Strategies.RootfsForm.Stack, Yes(0))];
        using Composition parts = Composition.Of(scratch.Settings with { Site = Site }, [.. strategies], [.. launchers]);
        PlanInput input = Input();
        Prepared lasting = FetchedImage.Lasting(parts, new(input, Planner.Plan(input, [.. strategies], [.. launchers]), new Timings()), asRoot: true);
        Assert.That(lasting.Plan.Chosen?.Strategy, Is.EqualTo("b"));
    }
}
