using GridWrapper.Watching;

namespace GridWrapper.Tests.Watching;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class TreeSamplerTests
{
    private static readonly ProcNumbers Helper = new() { UserTicks = 0, SystemTicks = 0, RssKilobytes = 40, PssKilobytes = 40, ReadChars = 0 };

    [Test]
    public void TheWholeTreeIsSummedWithoutTheHelperItself()
    {
        using ProcTree proc = Family();
        FakeClock clock = new();
        TreeSampler sampler = new(proc.Proc, 10, clock);
        clock.Advance(TimeSpan.FromSeconds(3));
        ResourceSample sample = sampler.Take([])!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((sample.Processes, sample.Threads), Is.EqualTo((2, 5)));
            Assert.That((sample.RssBytes, sample.PssBytes, sample.SwapBytes), Is.EqualTo((8000L * 1024, 6000L * 1024, 2 * 8L * 1024)));
            Assert.That((sample.UserSeconds, sample.SystemSeconds, sample.WallSeconds), Is.EqualTo((3.0, 1.0, 3.0)));
            Assert.That((sample.ReadChars, sample.WrittenChars, sample.ReadBytes, sample.WrittenBytes), Is.EqualTo((20L, 80L, 4 * 4096L, 4 * 8192L)));
            Assert.That(sample.Network, Is.EqualTo(new NetworkCounters(0, 0, 0, 0)));
        }
    }

    [Test]
    public void OtherProcessesOfTheNodeDoNotCount()
    {
        using ProcTree proc = Family();
        proc.Process(99, 1, "neighbour");
        Assert.That(new TreeSampler(proc.Proc, 10, new FakeClock()).Take([])!.Processes, Is.EqualTo(2));
    }

    [Test]
    public void AMemberOfTheControlGroupCountsWhereverItHangs()
    {
        using ProcTree proc = Family();
        proc.Process(99, 1, "escaped");
        Assert.That(new TreeSampler(proc.Proc, 10, new FakeClock()).Take([99])!.Processes, Is.EqualTo(3));
    }

    [Test]
    public void WithoutListsOfChildrenParentsTell()
    {
        using ProcTree proc = Family();
        foreach (string task in Directory.GetDirectories(proc.Proc, "task", SearchOption.AllDirectories))
        {
            Directory.Delete(task, recursive: true);
        }

        Assert.That(new TreeSampler(proc.Proc, 10, new FakeClock()).Take([])!.Processes, Is.EqualTo(2));
    }

    [Test]
    public void ChildrenOfEveryThreadCount()
    {
        using ProcTree proc = Family();
        proc.Write("proc/13/task/131/children", "14 ");
        proc.Process(14, 13);
        Assert.That(new TreeSampler(proc.Proc, 10, new FakeClock()).Take([])!.Processes, Is.EqualTo(3));
    }

    [Test]
    public void TimeOfProcessesThatAreGoneStays()
    {
        using ProcTree proc = Family();
        TreeSampler sampler = new(proc.Proc, 10, new FakeClock());
        _ = sampler.Take([]);
        proc.Remove(13);
        ResourceSample later = sampler.Take([])!;
        Assert.That((later.Processes, later.CpuSeconds, later.ReadChars), Is.EqualTo((1, 4.0, 20L)));
    }

    [Test]
    public void AZombieUsesNoMemory()
    {
        using ProcTree proc = Family();
        proc.Process(13, 12, "dead", new ProcNumbers { State = 'Z' });
        Assert.That(new TreeSampler(proc.Proc, 10, new FakeClock()).Take([])!.Processes, Is.EqualTo(1));
    }

    [Test]
    public void ATreeThatIsGoneHasNoSample()
    {
        using ProcTree proc = new();
        Assert.That(new TreeSampler(proc.Proc, 10, new FakeClock()).Take([]), Is.Null);
    }

    [TestCase("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 3 18 19 20 21 22", 1, 24, 3)]
    public void TheNameMayHoldBlanksAndParentheses(string stat, int parent, int userTicks, int threads)
    {
        ProcessFigures figures = ProcessFigures.Parse(Encoding.ASCII.GetBytes(stat))!.Value;
        Assert.That((figures.ParentPid, figures.UserTicks, figures.Threads), Is.EqualTo((parent, (long)userTicks, threads)));
    }

    [TestCase("")]
    [TestCase("7")]
    [TestCase("7 (x) S 1 2 3")]
    [TestCase("7 )x( S 1 2 3")]
    public void WhatIsNoStatIsNone(string stat) => Assert.That(ProcessFigures.Parse(Encoding.ASCII.GetBytes(stat)), Is.Null);

    [Test]
    public void AKeyIsTheWholeWord()
    {
        ReadOnlySpan<byte> text = "low 1\noom 2\noom_kill 3\n"u8;
        Assert.That((ProcText.Value(text, "oom"u8), ProcText.Value(text, "oom_kill"u8), ProcText.Value(text, "high"u8)), Is.EqualTo((2L, 3L, 0L)));
    }

    /// <summary>The helper outside, the helper inside, a shell and a program of four threads.</summary>
    private static ProcTree Family()
    {
        ProcTree proc = new();
        proc.Process(10, 1, "gridwrap-init", Helper, 11);
        proc.Process(11, 10, "gridwrap-init", Helper, 12);
        proc.Process(12, 11, "sh", null, 13);
        proc.Process(13, 12, "payload", new ProcNumbers { Threads = 4 });
        return proc;
    }
}
