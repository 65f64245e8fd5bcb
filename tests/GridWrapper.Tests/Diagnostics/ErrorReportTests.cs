using GridWrapper.Diagnostics;

namespace GridWrapper.Tests.Diagnostics;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ErrorReportTests
{
    [TestCase("all is lost", "gridwrap: site: all is lost [step=s errno=EPERM pilot=1306]")]
    [TestCase("job 7 cannot be run:\n  - a\n  - b", "gridwrap: site: job 7 cannot be run: a; b [step=s errno=EPERM pilot=1306]")]
    [TestCase("profile has 2 faults:\n  x:1: a\n  x:2: b\n  See there.", "gridwrap: site: profile has 2 faults: x:1: a; x:2: b; See there. [step=s errno=EPERM pilot=1306]")]
    [TestCase("first\r\nsecond\n\n", "gridwrap: site: first; second [step=s errno=EPERM pilot=1306]")]
    public void A_failure_is_one_line(string message, string line) => Assert.That(
        ErrorReport.Line(new Failure { Blame = Blame.Site, Phase = Phase.Launch, Step = "s", Errno = "EPERM", PilotErrorCode = 1306, Message = message }), Is.EqualTo(line));

    [Test]
    public void Without_an_errno_none_is_named() => Assert.That(
        ErrorReport.Line(new Failure { Blame = Blame.GridWrap, Phase = Phase.Launch, Step = "s", PilotErrorCode = 1310, Message = "m" }),
        Is.EqualTo("gridwrap: gridwrap: m [step=s pilot=1310]"));

    [TestCase(null, 143, PilotError.SigTerm)]
    [TestCase(15, 143, PilotError.SigTerm)]
    [TestCase(2, 130, PilotError.SigInt)]
    [TestCase(3, 131, PilotError.SigTerm)]
    public void An_interruption_has_the_signal_s_code(int? signal, int exit, int pilot)
    {
        Failure failure = ErrorReport.InterruptedBy(signal);
        Assert.That((failure.ExitCode, failure.PilotErrorCode, failure.Retryable), Is.EqualTo((exit, pilot, true)));
    }

    [TestCase("--bnd", "--bind")]
    [TestCase("--no-reprot", "--no-report")]
    [TestCase("exce", "exec")]
    [TestCase("EXEC", "exec")]
    [TestCase("--frob", null)]
    [TestCase("x", null)]
    public void The_nearest_name_is_a_plausible_slip(string word, string? nearest) =>
        Assert.That(NearestName.Of(word, ["--bind", "--json", "--no-report", "exec", "plan"]), Is.EqualTo(nearest));
}
