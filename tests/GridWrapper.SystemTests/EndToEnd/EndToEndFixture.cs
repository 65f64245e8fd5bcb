namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Base of the fixtures: whatever a test did, nothing may be left of it but the job directory and the cache.</summary>
internal abstract class EndToEndFixture
{
    private readonly List<Area> _areas = [];

    [TearDown]
    public async Task NothingIsLeftAsync()
    {
        Area[] areas = [.. _areas];
        _areas.Clear();
        foreach (Area area in areas)
        {
            Assert.That(await area.LeftoversAsync(), Is.Empty, $"left behind by {TestContext.CurrentContext.Test.Name}");
        }
    }

    /// <summary>An area that is looked after at the end of the test.</summary>
    protected Area NewArea() => Register(new Area());

    protected Area Register(Area area)
    {
        _areas.Add(area);
        return area;
    }
}
