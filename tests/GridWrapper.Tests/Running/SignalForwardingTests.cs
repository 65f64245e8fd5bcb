using GridWrapper.Launching;
using GridWrapper.Running;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class SignalForwardingTests
{
    [TestCase(StopReason.Cancelled, true, Description = "tobekilled")]
    [TestCase(StopReason.Timeout, false, Description = "what the payload left by then is still delivered or told of")]
    [TestCase(StopReason.Memory, false)]
    [TestCase(StopReason.LostHeartbeat, false)]
    public void Only_a_wish_for_the_jobs_end_makes_its_work_unwanted(object reason, bool unwanted)
    {
        using SignalForwarding signals = new();
        signals.Stop.RequestStop((StopReason)reason);
        Assert.That((signals.Unwanted.IsCancellationRequested, signals.Cancelled.IsCancellationRequested), Is.EqualTo((unwanted, false)), "no signal has come");
    }

    [Test]
    public void A_wish_that_comes_after_a_limit_counts_too()
    {
        using SignalForwarding signals = new();
        signals.Stop.RequestStop(StopReason.Timeout);
        signals.Stop.RequestStop(StopReason.Cancelled);
        Assert.That((signals.Unwanted.IsCancellationRequested, signals.Stop.Reason), Is.EqualTo((true, StopReason.Timeout)));
    }
}
