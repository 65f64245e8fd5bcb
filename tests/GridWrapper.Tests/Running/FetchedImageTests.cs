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
        Prepared lasting = FetchedImage.Lasting(parts, all);
        Assert.That((all.Plan.Chosen?.Strategy, lasting.Plan.Chosen), Is.EqualTo(("a", (Candidate?)null)));
        Assert.That(lasting.WhyNothing.Message, Does.Contain("no space for it"));
    }
}
