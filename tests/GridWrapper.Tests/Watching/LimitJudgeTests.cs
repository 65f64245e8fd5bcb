using GridWrapper.Watching;

namespace GridWrapper.Tests.Watching;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class LimitJudgeTests
{
    private static readonly ResourceSample Sample = new()
    {
        Time = FakeClock.Origin,
        UserSeconds = 9,
        SystemSeconds = 2,
        RssBytes = 900 << 20,
        PssBytes = 600 << 20,
        Processes = 3,
        Threads = 30,
    };

    private static readonly DirectoryUse Use = new(3 << 20, "out.root", 2 << 20, 1 << 20, 0);

    private static IEnumerable<TestCaseData> Samples()
    {
        yield return Case(new() { Memory = new Limit(500 << 20, "the job") }, LimitKind.Memory, "600 MiB", "the job allows 500 MiB").SetName("memory");
        yield return Case(new() { Memory = new Limit(600 << 20, "the job") }, null).SetName("memory at its limit, more of it shared");
        yield return Case(new() { Cpu = new Limit(10, "the site") }, LimitKind.Cpu, "11 s", "the site allows 10 s").SetName("processor time");
        yield return Case(new() { Cpu = new Limit(11, "the site") }, null).SetName("processor time at its limit");
        yield return Case(new() { Processes = new Limit(29, "the site") }, LimitKind.Processes, "30 processes and threads", "the site allows 29").SetName("processes and threads");
        yield return Case(new() { Processes = new Limit(30, "the site") }, null).SetName("processes at their limit");
        yield return Case(new() { Cores = new Limit(0.1, "the site") }, null).SetName("cores are not judged");

        static TestCaseData Case(PayloadLimits limits, LimitKind? kind, params string[] words) => new(limits, kind, words);
    }

    [TestCaseSource(nameof(Samples))]
    public void ASampleIsJudged(PayloadLimits limits, LimitKind? kind, string[] words) => Check(LimitJudge.Judge(limits, Sample, KernelLimits.None), kind, words);

    [Test]
    public void WhatTheKernelHoldsIsNotJudged()
    {
        PayloadLimits limits = new() { Memory = new Limit(1, "x"), Processes = new Limit(1, "x") };
        Assert.That(LimitJudge.Judge(limits, Sample, KernelLimits.Memory | KernelLimits.Processes), Is.Null);
    }

    [TestCase(3 << 20, null)]
    [TestCase((3 << 20) - 1, LimitKind.Disk)]
    public void TheDirectoriesAreJudged(double limit, LimitKind? kind) =>
        Check(LimitJudge.Judge(new PayloadLimits { Disk = new Limit(limit, "the job") }, Use), kind, kind is null ? [] : ["3 MiB", "the job allows"]);

    [Test]
    public void OneFileIsJudgedByName() =>
        Check(LimitJudge.Judge(new PayloadLimits { OutputFile = new Limit(1 << 20, "the pilot's rule") }, Use), LimitKind.OutputFile, ["out.root", "2 MiB", "1 MiB"]);

    [Test]
    public void StreamsAreJudged() =>
        Check(LimitJudge.Judge(new PayloadLimits { Stdout = new Limit(1000, "the pilot's rule") }, Use), LimitKind.Stdout, ["stdout"]);

    [TestCase(7200, null)]
    [TestCase(7201, LimitKind.Looping)]
    public void SilenceIsJudged(double seconds, LimitKind? kind) =>
        Check(LimitJudge.Judge(new PayloadLimits { Looping = new Limit(7200, "the pilot's rule") }, seconds), kind, kind is null ? [] : ["7201 s", "7200 s"]);

    [TestCase(true, "the job allows 1 GiB")]
    [TestCase(false, "batch system")]
    public void AKillByTheKernelNamesWhoseLimitItWas(bool ownLimit, string word)
    {
        LimitBreach breach = LimitJudge.OutOfMemory(new PayloadLimits { Memory = new Limit(1 << 30, "the job") }, 1 << 30, ownLimit);
        Assert.That((breach.Kind, breach.ByKernel), Is.EqualTo((LimitKind.Memory, true)));
        Assert.That(breach.Message, Does.Contain(word).And.Contain("its peak was 1 GiB"));
    }

    private static void Check(LimitBreach? breach, LimitKind? kind, string[] words)
    {
        Assert.That(breach?.Kind, Is.EqualTo(kind));
        foreach (string word in words)
        {
            Assert.That(breach!.Message, Does.Contain(word));
        }
    }
}
