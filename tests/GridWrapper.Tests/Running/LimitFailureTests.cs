using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Running;
using GridWrapper.Watching;

namespace GridWrapper.Tests.Running;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class LimitFailureTests
{
    private static readonly RunResult Stopped = new() { ExitCode = 143, Signal = 15, StartedAt = FakeClock.Origin, EndedAt = FakeClock.Origin.AddSeconds(61) };

    [TestCase(LimitKind.Memory, false, "limit-memory", 1235)]
    [TestCase(LimitKind.Memory, true, "limit-memory", 1212)]
    [TestCase(LimitKind.Cpu, false, "limit-cpu", 1213)]
    [TestCase(LimitKind.Disk, false, "limit-disk", 1104)]
    [TestCase(LimitKind.OutputFile, false, "limit-output-file", 1124)]
    [TestCase(LimitKind.Stdout, false, "limit-stdout", 1106)]
    [TestCase(LimitKind.Processes, false, "limit-processes", 1344)]
    [TestCase(LimitKind.Looping, false, "looping", 1150)]
    public void EachLimitHasItsStepAndThePilotsCode(LimitKind kind, bool byKernel, string step, int code)
    {
        Failure failure = LimitFailure.Of(Stopped with { Breach = new LimitBreach(kind, "figures", byKernel) }, null)!;
        Assert.That(
            (failure.Blame, failure.Phase, failure.Step, failure.PilotErrorCode, failure.Message, failure.ExitCode),
            Is.EqualTo((Blame.User, Phase.Payload, step, code, "figures", 143)));
    }

    [Test]
    public void TheWallClockSaysWhatWasAllowed()
    {
        Failure failure = LimitFailure.Of(Stopped with { StopReason = StopReason.Timeout }, TimeSpan.FromSeconds(60))!;
        Assert.That((failure.Step, failure.PilotErrorCode), Is.EqualTo(("limit-wall", 1213)));
        Assert.That(failure.Message, Does.Contain("61 s").And.Contain("60 s"));
    }

    [TestCase(0, 143)]
    [TestCase(3, 143)]
    [TestCase(137, 137)]
    [TestCase(9, 9)]
    public void APayloadThatHidesItsEndIsStillAFailure(int exitCode, int expected) =>
        Assert.That(LimitFailure.Of(Stopped with { ExitCode = exitCode, Breach = new LimitBreach(LimitKind.Cpu, "x") }, null)!.ExitCode, Is.EqualTo(expected));

    [Test]
    public void WhatEndedByItselfIsNone() => Assert.That(LimitFailure.Of(Stopped, TimeSpan.FromSeconds(1)), Is.Null);
}
