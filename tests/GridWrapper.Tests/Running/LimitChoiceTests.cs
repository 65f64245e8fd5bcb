using GridWrapper.Jobs;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Watching;

namespace GridWrapper.Tests.Running;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class LimitChoiceTests
{
    private static readonly JobRequest Job = RunningScratch.Request() with { MinRamMegabytes = 2000, MaxDiskMegabytes = 1000, MaxCpuSeconds = 100, CoreCount = 8 };

    [Test]
    public void ACommandWithoutLimitsIsNotWatched()
    {
        using RunningScratch scratch = new();
        Assert.That(LimitChoice.ForCommand(scratch.Settings), Is.Null);
    }

    [Test]
    public void TheCommandLinesLimitIsNamedByItsOption()
    {
        using RunningScratch scratch = new();
        Assert.That(LimitChoice.ForCommand(scratch.Settings with { MemoryLimit = 1 << 30 })!.Limits, Is.EqualTo(new PayloadLimits { Memory = new Limit(1 << 30, "--memory-limit") }));
    }

    [Test]
    public void AJobsLimitsInItsUnits()
    {
        using RunningScratch scratch = new();
        PayloadLimits limits = LimitChoice.ForJob(scratch.Settings, Job, underPilot: false).Limits;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(limits.Memory, Is.EqualTo(new Limit(4000.0 * 1024 * 1024, "2 times the job's minRamCount")));
            Assert.That(limits.Cpu, Is.EqualTo(new Limit(1600, "2 times the job's maxCpuCount on 8 cores")));
            Assert.That(limits.Disk!.Value, Is.EqualTo(1000.0 * 1024 * 1024 * 1.1));
            Assert.That(limits.Looping!.Value, Is.EqualTo(7200));
            Assert.That(limits.Stdout!.Value, Is.EqualTo(2.0 * 1024 * 1024 * 1024));
            Assert.That(limits.Processes, Is.Null);
        }
    }

    [TestCase("standalone", false, true)]
    [TestCase("standalone", true, false)]
    [TestCase("always", true, true)]
    [TestCase("never", false, false)]
    public void UnderAPilotTheJobsLimitsAreThePilots(string fromJob, bool underPilot, bool counts)
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with { Site = new SiteProfile { Name = "x", Limits = new() { FromJob = fromJob } } };
        Assert.That(LimitChoice.ForJob(settings, Job, underPilot).Limits.Memory is not null, Is.EqualTo(counts));
    }

    [Test]
    public void TheNarrowestWins()
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with
        {
            MemoryLimit = 1L << 40,
            Site = new SiteProfile { Name = "x", Limits = new() { MemoryBytes = 1 << 30, CpuSeconds = 1e6 } },
        };
        PayloadLimits limits = LimitChoice.ForJob(settings, Job, underPilot: false).Limits;
        Assert.That((limits.Memory!.Origin, limits.Cpu!.Value), Is.EqualTo(("limits.memoryBytes of the site profile x", 1600.0)));
    }

    [Test]
    public void AJobThatMayBeSilentIsNotCheckedForIt()
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with { Site = new SiteProfile { Name = "x", Limits = new() { LoopingSeconds = 60 } } };
        Assert.That(LimitChoice.ForJob(settings, Job with { NoLoopingCheck = true }, underPilot: false).Limits.Looping, Is.Null);
    }

    [Test]
    public void IntervalsComeFromTheProfile()
    {
        using RunningScratch scratch = new();
        RunSettings settings = scratch.Settings with { Site = new SiteProfile { Name = "x", Limits = new() { SampleSeconds = 2, DirectorySeconds = 3, Cgroup = "move" } } };
        WatchOptions options = LimitChoice.ForJob(settings, Job, underPilot: true);
        Assert.That(
            (options.SampleInterval.TotalSeconds, options.GuardInterval.TotalSeconds, options.DirectoryInterval.TotalSeconds, options.Cgroup),
            Is.EqualTo((2.0, 2.0, 3.0, CgroupUse.Move)));
    }
}
