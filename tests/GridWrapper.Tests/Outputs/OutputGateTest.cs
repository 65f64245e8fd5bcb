using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;

namespace GridWrapper.Tests.Outputs;

[Parallelizable(ParallelScope.All)]
public sealed class OutputGateTest
{
    private static IEnumerable<TestCaseData> Bad()
    {
        TestCaseData Case(string test, OutputSpec output, int code, string part) => new TestCaseData(output, code, part).SetName(test);
        const int parameters = PilotError.UnrecognizedTrfArguments;
        const int name = PilotError.BadOutputFileName;
        yield return Case("absolute name", JobDirectory.File("/etc/passwd", "a"), parameters, "leads out of the job directory");
        yield return Case("name with dots", JobDirectory.File("../a", "a"), parameters, "leads out of the job directory");
        yield return Case("name with dots inside", JobDirectory.Glob("a/../../*", "a.tgz"), parameters, "leads out of the job directory");
        yield return Case("empty name", JobDirectory.File("", "a"), parameters, "is not a file name");
        yield return Case("name of a directory", JobDirectory.File("out/", "a"), parameters, "is not a file name");
        yield return Case("bad pattern", JobDirectory.Regex("regex|(a"), parameters, "the output \"regex|(a\" is not a regular expression: InsufficientClosingParentheses");
        yield return Case("LFN with a slash", JobDirectory.File("a", "x/a"), name, "holds a '/'");
        yield return Case("LFN of dots", JobDirectory.File("a", ".."), name, "is not a file name");
        yield return Case("LFN with an umlaut", JobDirectory.File("a", "ä"), name, "outside ASCII");
        yield return Case("LFN with a blank", JobDirectory.File("a", "a b"), name, "holds a blank");
        yield return Case("LFN too long", JobDirectory.File("a", new string('x', 256)), PilotError.LfnTooLong, "has 256 characters");
        yield return Case("LFN of the log", JobDirectory.File("a", "job.log.tgz"), name, "is also the name of the log file");
        yield return Case("LFN of the result", JobDirectory.File("a", "gridwrap-result.json"), name, "is the name of a file of gridwrap or of the pilot");
    }

    [TestCaseSource(nameof(Bad))]
    public void A_bad_output_is_refused_before_anything_runs(object output, int pilotErrorCode, string part)
    {
        GridWrapperException thrown = Assert.Throws<GridWrapperException>(() => OutputCollector.CheckPatterns(JobDirectory.Job((OutputSpec)output)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(thrown.Failure.ExitCode, Is.EqualTo(ExitCodes.Usage));
            Assert.That(thrown.Failure.Blame, Is.EqualTo(Blame.User));
            Assert.That(thrown.Failure.PilotErrorCode, Is.EqualTo(pilotErrorCode));
            Assert.That(thrown.Message, Does.Contain(part));
            Assert.That(thrown.Message, Does.Not.Contain('\n'));
        }
    }

    [Test]
    public void All_faults_come_together()
    {
        JobRequest job = JobDirectory.Job(JobDirectory.File("/a", "l1"), JobDirectory.File("b", "l/2"), JobDirectory.File("c", "same"), JobDirectory.File("d", "same"));
        GridWrapperException thrown = Assert.Throws<GridWrapperException>(() => OutputCollector.CheckPatterns(job));
        Assert.That(thrown.Message.Split('\n'), Has.Length.EqualTo(4));
        Assert.That(thrown.Message, Does.Contain("the output name \"same\" is given to \"c\" and \"d\""));
    }

    [Test]
    public void Good_outputs_pass() =>
        Assert.That(
            () => OutputCollector.CheckPatterns(JobDirectory.Job(
                JobDirectory.File("out.json", "user.x.out.json"),
                JobDirectory.File("sub/out.json", new string('x', 255)),
                JobDirectory.Glob("*.root", "user.x.XYZ.root.tgz"),
                JobDirectory.Regex(@"regex|part[0-9]+\.root"))),
            Throws.Nothing);

    [Test]
    public void A_tasks_text_may_be_looked_at_though_its_names_are_not_final() =>
        Assert.That(() => OutputCollector.CheckPatterns(JobDirectory.Job(JobDirectory.File("out.json", "user.x.$JEDITASKID${SN/P}.out.json")) with { UnexpandedTemplates = ["${SN/P}"] }), Throws.Nothing);
}
