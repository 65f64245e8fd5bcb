using GridWrapper.Strategies;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Strategies;

/// <summary>What the node learns of its own pulls.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PullRateTests
{
    [Test]
    public void The_first_pull_counts_alone_and_later_ones_in_part()
    {
        string cache = TreeListing.NewDirectory();
        Directory.CreateDirectory(cache + "/store-1/tmp");
        PullRate.Note(cache, 10_000_000, TimeSpan.FromSeconds(1));
        double? first = PullRate.Read(cache);
        PullRate.Note(cache, 20_000_000, TimeSpan.FromSeconds(1));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Is.EqualTo(10e6));
            Assert.That(PullRate.Read(cache), Is.EqualTo(13e6).Within(1));
            Assert.That(Directory.GetFiles(cache + "/store-1/tmp"), Is.Empty);
        }
    }

    [Test]
    public void Small_pulls_say_nothing_and_a_damaged_note_is_none()
    {
        string cache = TreeListing.NewDirectory();
        PullRate.Note(cache, 1000, TimeSpan.FromSeconds(1));
        double? none = PullRate.Read(cache);
        File.WriteAllText(cache + "/pull-rate", "fast");

        Assert.That((none, PullRate.Read(cache)), Is.EqualTo(((double?)null, (double?)null)));
    }
}
