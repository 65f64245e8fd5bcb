using GridWrapper.Watching;

namespace GridWrapper.Tests.Watching;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class SampleSeriesTests
{
    [Test]
    public void MaximaAveragesAndTotals()
    {
        SampleSeries series = new();
        series.Add(Sample(0, rss: 100, processes: 1));
        series.Observe(Sample(5, rss: 900, processes: 2));
        series.Add(Sample(30, rss: 300, processes: 5));
        PayloadUsage usage = series.Usage("sampling");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((usage.Maximum.Rss, usage.Average.Rss), Is.EqualTo((900L, 200L)));
            Assert.That((usage.MaximumProcesses, usage.AverageProcesses), Is.EqualTo((5, 3.0)));
            Assert.That((usage.SampleCount, usage.WallSeconds, usage.CpuSeconds), Is.EqualTo((2, 30.0, 30.0)));
        }
    }

    [Test]
    public void ALongSeriesIsThinnedOutEvenly()
    {
        SampleSeries series = new();
        for (int i = 0; i < 20_000; i++)
        {
            series.Add(Sample(i, rss: i, processes: 1));
        }

        double[] walls = [.. series.Kept.Select(s => s.WallSeconds)];
        double[] steps = [.. walls.Zip(walls.Skip(1), (a, b) => b - a).Distinct()];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(walls, Has.Length.InRange(1000, 4096));
            Assert.That(steps, Has.Length.EqualTo(1));
            Assert.That((series.Count, series.Usage("sampling").Maximum.Rss), Is.EqualTo((20_000, 19_999L)));
        }
    }

    private static ResourceSample Sample(double seconds, long rss, int processes) =>
        new() { Time = FakeClock.Origin.AddSeconds(seconds), WallSeconds = seconds, UserSeconds = seconds, RssBytes = rss, Processes = processes };
}
