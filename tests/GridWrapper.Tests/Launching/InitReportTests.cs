using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Linux;

namespace GridWrapper.Tests.Launching;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class InitReportTests
{
    private static readonly ImmutableArray<LaunchOperation> Operations =
    [
        new(LaunchOperations.SlaveRoot, null, null),
        new(LaunchOperations.Scaffold, "/data", "/data"),
        new(LaunchOperations.Bind, "/data", "/data"),
        new(LaunchOperations.Layer, "/layer", null),
        new(LaunchOperations.Overlay, null, null),
        new(LaunchOperations.Proc, null, "/proc"),
        new(LaunchOperations.Scaffold, null, "/tmp"),
    ];

    private static readonly LaunchSpec Spec = new()
    {
        Launcher = "rootless",
        Argv = ["x"],
        Environment = ImmutableSortedDictionary<string, string>.Empty,
        WorkingDirectory = "/work",
        Operations = Operations,
    };

    [Test]
    public void ARecordIsReadAsItIsLaidOut()
    {
        byte[] record = Convert.FromHexString("04000000" + "02000100" + "0d000000" + "00070000" + "40420f0000000000" + "20a1070000000000" + "0100000000000000");
        Assert.That(InitReport.Parse(record), Is.EqualTo(new InitReport(InitReportKind.Exited, 0x10002, 13, 0x700, 1.5, 1024)));
        Assert.That(record, Has.Length.EqualTo(InitReport.SizeBytes));
    }

    [TestCase(0u, "slave-root"), TestCase(2u, "bind"), TestCase(6u, "scaffold"), TestCase(7u, "step-7"), TestCase(0x10000u, "find-parent"), TestCase(0x10001u, "unshare")]
    [TestCase(0x10004u, "write-gid-map"), TestCase(0x10005u, "fork"), TestCase(0x10006u, "enter-directory"), TestCase(0x10007u, "drop-privileges"), TestCase(0x10008u, "join-cgroup"), TestCase(0x10009u, "take-terminal"), TestCase(0x1000au, "set-limits"), TestCase(0x10fffu, "step-69631")]
    public void StepsHaveNames(uint step, string name) => Assert.That(Report(step, 1).StepName(Operations), Is.EqualTo(name));

    [TestCase(0x10000u, false), TestCase(0x10001u, true), TestCase(0x10004u, true), TestCase(0x10005u, false), TestCase(0u, false)]
    public void NamespaceStepsAreKnown(uint step, bool expected) => Assert.That(Report(step, 1).IsNamespaceStep, Is.EqualTo(expected));

    [Provokes(PilotError.UserNamespaceFailed, PilotError.ResourceUnavailable, PilotError.ContainerBindFailure, PilotError.ContainerImageMountFailure, PilotError.CvmfsNotAlive)]
    [TestCase(0x10001u, 11, "ResourceUnavailable", Blame.Site, "unshare failed with EAGAIN: a limit of the user is used up")]
    [TestCase(0x10005u, 11, "ResourceUnavailable", Blame.Site, "fork failed with EAGAIN")]
    [TestCase(0x10001u, 1, "UserNamespaceFailed", Blame.Site, "unshare failed with EPERM")]
    [TestCase(0x10003u, 13, "UserNamespaceFailed", Blame.Site, "write-uid-map failed with EACCES")]
    [TestCase(1u, 2, "ContainerBindFailure", Blame.Site, "/data does not exist on this node")]
    [TestCase(2u, 2, "ContainerBindFailure", Blame.Site, "/data does not exist on this node")]
    [TestCase(2u, 20, "ContainerBindFailure", Blame.Site, "showing /data on /data failed with ENOTDIR")]
    [TestCase(3u, 13, "ContainerImageMountFailure", Blame.Site, "layer /layer failed with EACCES")]
    [TestCase(4u, 22, "ContainerImageMountFailure", Blame.Site, "overlay failed with EINVAL")]
    [TestCase(3u, 107, "CvmfsNotAlive", Blame.Cvmfs, "ENOTCONN")]
    [TestCase(2u, 5, "CvmfsNotAlive", Blame.Cvmfs, "the file system below it is dead")]
    [TestCase(5u, 1, "ContainerGeneralFailure", Blame.Site, "proc /proc failed with EPERM")]
    [TestCase(6u, 2, "ContainerGeneralFailure", Blame.Site, "scaffold /tmp failed with ENOENT")]
    [TestCase(0x10006u, 2, "PayloadExecutionFailure", Blame.User, "/work cannot be entered")]
    [TestCase(0x10007u, 1, "ContainerGeneralFailure", Blame.Site, "drop-privileges failed with EPERM")]
    public void AFailedStepHasItsCodeAndBlame(uint step, int errno, string code, Blame blame, string text)
    {
        Failure failure = RootlessFailure.From(Report(step, errno), Spec);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure.PilotErrorCode, Is.EqualTo(typeof(PilotError).GetField(code, System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic)!.GetRawConstantValue()));
            Assert.That((failure.Blame, failure.Phase, failure.Errno), Is.EqualTo((blame, Phase.Launch, Errno.Name(errno))));
            Assert.That(failure.Retryable, Is.EqualTo(blame != Blame.User));
            Assert.That(failure.Message, Does.Contain(text));
        }
    }

    [Test]
    [Provokes(PilotError.PayloadExecutionException)]
    public void ARefusedPlanIsOurDefect()
    {
        Failure failure = RootlessFailure.From(new InitReport(InitReportKind.BadPlan, 77, 22, 0, 0, 0), Spec);
        Assert.That((failure.Blame, failure.PilotErrorCode, failure.Step, failure.Message), Is.EqualTo((Blame.GridWrap, PilotError.PayloadExecutionException, "read-plan", "gridwrap-init refused its plan (check 77). This is a defect of gridwrap")));
    }

    [Test]
    public void WhatNeverAnswersIsASiteProblem() => Assert.That(
        ((string?[])[RootlessFailure.SetupHung(TimeSpan.FromSeconds(60), 7).Errno, RootlessFailure.Vanished(137).Message, RootlessFailure.NotStarted(new LinuxException("posix_spawn", "x", 1)).Errno]),
        Is.EqualTo(((string?[])["ETIMEDOUT", "gridwrap-init ended with code 137 before the payload started, without saying why: it was killed from outside", "EPERM"])));

    private static InitReport Report(uint step, int errno) => new(InitReportKind.SetupFailed, step, errno, 0, 0, 0);
}
