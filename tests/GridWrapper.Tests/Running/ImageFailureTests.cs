using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Running;
using GridWrapper.Serving;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed class ImageFailureTests
{
    [Test]
    public void A_payload_that_failed_after_failed_reads_is_the_registrys_and_keeps_its_exit_code()
    {
        Failure? failure = ImageFailure.Of(Ended(7), new LazyTrouble("the registry is away", TimeSpan.FromMinutes(15), 3));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((failure?.Blame, failure?.ExitCode, failure?.Retryable, failure?.Errno), Is.EqualTo((Blame.Registry, 7, true, "EIO")));
            Assert.That(failure!.Message, Does.Contain("3 of its reads").And.Contain("the registry is away").And.Contain("900 s"));
        }
    }

    [TestCase(0, 3)]
    [TestCase(7, 0)]
    public void Otherwise_the_payloads_end_is_its_own(int exitCode, int failedReads) =>
        Assert.That(ImageFailure.Of(Ended(exitCode), new LazyTrouble("slow", TimeSpan.FromSeconds(40), failedReads)), Is.Null);

    [Test]
    public void Nothing_was_noticed() => Assert.That(ImageFailure.Of(Ended(7), null), Is.Null);

    private static RunResult Ended(int code) => new() { ExitCode = code, StartedAt = DateTimeOffset.UnixEpoch, EndedAt = DateTimeOffset.UnixEpoch };
}
