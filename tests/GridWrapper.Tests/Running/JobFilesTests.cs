using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Reporting;
using GridWrapper.Running;
using GridWrapper.Tests.Planning;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class JobFilesTests
{
    private static JobOutcome Ended(int code) => new()
    {
        Job = RunningScratch.Request(),
        Timings = new Timings(),
        Image = new ImageOutcome
        {
            Input = Plans.Input(),
            Plan = new([]),
            Result = new RunResult { ExitCode = code, StartedAt = DateTimeOffset.UnixEpoch, EndedAt = DateTimeOffset.UnixEpoch },
        },
    };

    private static readonly JobOutcome Failed = new() { Failure = Plans.Trouble(Phase.Job, "nothing was run"), Timings = new Timings() };

    [TestCase(0, 0)]
    [TestCase(1, 1)]
    [TestCase(2, 1)]
    [TestCase(3, 1)]
    [TestCase(64, 64)]
    [TestCase(137, 137)]
    [TestCase(250, 250)]
    [TestCase(251, 1)]
    [TestCase(255, 1)]
    public void Codes_that_the_pilot_misreads_become_one_under_a_pilot_only(int payload, int underPilot)
    {
        Assert.That((JobFiles.ExitCode(payload, true), JobFiles.ExitCode(payload, false)), Is.EqualTo((underPilot, payload)));
    }

    [TestCase(0, true, null)]
    [TestCase(1, true, null)]
    [TestCase(3, true, 3)]
    [TestCase(3, false, null)]
    public void The_true_code_stands_in_the_error_report(int payload, bool underPilot, int? reported)
    {
        using RunningScratch scratch = new();
        new JobFiles(scratch.Settings).WriteErrorReport(Ended(payload), underPilot);
        string path = Path.Combine(scratch.Job, PayloadErrorReport.FileName);
        Assert.That(File.Exists(path) ? (int?)JObject.Parse(File.ReadAllText(path))["error_code"] : null, Is.EqualTo(reported));
    }

    [Test]
    public void A_failure_of_ours_stands_in_the_error_report()
    {
        using RunningScratch scratch = new();
        new JobFiles(scratch.Settings).WriteErrorReport(Failed, underPilot: true);
        JObject report = JObject.Parse(File.ReadAllText(Path.Combine(scratch.Job, PayloadErrorReport.FileName)));
        Assert.That(((int?)report["error_code"], (string?)report["error_diag"]), Is.EqualTo((PilotError.ContainerGeneralFailure, "nothing was run")));
    }

    [Test]
    public void The_payload_s_own_job_report_is_kept()
    {
        using RunningScratch scratch = new();
        scratch.Write(JobReportDocument.FileName, "{\"mine\": 1}");
        Assert.That(new JobFiles(scratch.Settings).WriteJobReport(Ended(0)), Is.EqualTo("{\"mine\": 1}"));
    }

    [Test]
    public void Without_one_a_small_one_is_written_but_not_where_nothing_ran()
    {
        using RunningScratch scratch = new();
        JobFiles files = new(scratch.Settings);
        files.WriteJobReport(Failed);
        Assert.That(File.Exists(Path.Combine(scratch.Job, JobReportDocument.FileName)), Is.False);
        string text = files.WriteJobReport(Ended(0));
        Assert.That(File.ReadAllText(Path.Combine(scratch.Job, JobReportDocument.FileName)), Is.EqualTo(text));
    }

    [Test]
    public void A_result_goes_where_it_is_wanted_and_leaves_no_part()
    {
        using RunningScratch scratch = new();
        new JobFiles(scratch.Settings with { ResultFile = Path.Combine(scratch.Base, "r.json") }).WriteResult(Ended(0));
        Assert.That(Directory.GetFiles(scratch.Base).Concat(Directory.GetFiles(scratch.Job)).Select(Path.GetFileName), Is.EqualTo(new[] { "r.json" }));
    }

    [Test]
    public void A_result_that_cannot_be_written_is_told_unless_there_is_worse()
    {
        using RunningScratch scratch = new();
        JobFiles files = new(scratch.Settings with { ResultFile = Path.Combine(scratch.Base, "nowhere", "r.json") });
        Assert.That(() => files.WriteResult(Ended(0)), Throws.TypeOf<GridWrapperException>().With.Property("Failure").Property("Blame").EqualTo(Blame.Site));
        Assert.That(() => files.WriteResult(Failed), Throws.Nothing);
    }
}
