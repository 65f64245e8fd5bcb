using GridWrapper.Watching;

namespace GridWrapper.Tests.Watching;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class DirectoryUseTests
{
    private const double Old = 1_000_000;

    [Test]
    public void SizesAndTheLargestFileAreFound()
    {
        using ProcTree area = new();
        area.Write("job/sub/deep/big.root", new string('x', 100_000));
        area.Write("job/small", "x");
        area.Write("job/payload.stdout", new string('x', 200_000));
        area.Write("tmp/core", new string('x', 400_000));
        DirectoryUse use = DirectoryUse.Walk(area.Root + "/job", area.Root + "/tmp", CancellationToken.None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(use.Bytes, Is.GreaterThanOrEqualTo(700_000));
            Assert.That((use.LargestName, use.LargestBytes, use.StreamBytes), Is.EqualTo(("sub/deep/big.root", 100_000L, 200_000L)));
        }
    }

    [Test]
    public void HolesTakeNoDisk()
    {
        using ProcTree area = new();
        area.Write("job/x", "");
        using (FileStream file = File.OpenWrite(area.Root + "/job/x"))
        {
            file.SetLength(1L << 30);
        }

        DirectoryUse use = DirectoryUse.Walk(area.Root + "/job", null, CancellationToken.None);
        Assert.That((use.Bytes < 1 << 20, use.LargestBytes), Is.EqualTo((true, 1L << 30)));
    }

    [Test]
    public void LinksAreNotFollowed()
    {
        using ProcTree area = new();
        area.Write("elsewhere/big", new string('x', 1_000_000));
        Directory.CreateDirectory(area.Root + "/job");
        Directory.CreateSymbolicLink(area.Root + "/job/link", area.Root + "/elsewhere");
        Assert.That(DirectoryUse.Walk(area.Root + "/job", null, CancellationToken.None).Bytes, Is.LessThan(100_000));
    }

    [TestCase("out.txt", true)]
    [TestCase("sub/x/out.txt", true)]
    [TestCase("memory_monitor_output.txt", false)]
    [TestCase("prmon.json", false)]
    [TestCase("script.py", false)]
    [TestCase("pilotlog.txt", false)]
    [TestCase("gridwrap.log", false)]
    [TestCase("PoolFileCatalog.xml", false)]
    public void AChangeIsASignOfLifeUnlessAMonitorMadeIt(string name, bool counts)
    {
        using ProcTree area = new();
        area.Write("job/" + name, "x");
        DateTime moment = DateTimeOffset.FromUnixTimeSeconds((long)Old).UtcDateTime;
        File.SetLastWriteTimeUtc(area.Root + "/job/" + name, moment);
        for (string directory = Path.GetDirectoryName("/job/" + name)!; directory != "/job"; directory = Path.GetDirectoryName(directory)!)
        {
            Directory.SetLastWriteTimeUtc(area.Root + directory, moment.AddDays(-1));
        }

        Assert.That(DirectoryUse.Walk(area.Root + "/job", null, CancellationToken.None).NewestSeconds, Is.EqualTo(counts ? Old : 0));
    }

    [Test]
    public void TheFirstLevelOfAWalkThatIsOverIsNotBegun()
    {
        using ProcTree area = new();
        area.Write("job/x", "x");
        Assert.That(() => DirectoryUse.Walk(area.Root + "/job", null, new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void ADirectoryThatIsNotThereIsEmpty() =>
        Assert.That(DirectoryUse.Walk("/nonexistent/job", "/nonexistent/tmp", CancellationToken.None), Is.EqualTo(new DirectoryUse(0, "", 0, 0, 0)));
}
