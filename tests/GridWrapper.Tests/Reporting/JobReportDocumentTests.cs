using GridWrapper.Launching;
using GridWrapper.Outputs;
using GridWrapper.Reporting;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Reporting;

[Parallelizable(ParallelScope.All)]
public class JobReportDocumentTests
{
    private static readonly RunResult Run = new() { ExitCode = 0, StartedAt = Samples.Start, EndedAt = Samples.Start.AddSeconds(61), CpuSeconds = 50.4 };

    [Test]
    public void A_good_run()
    {
        JObject report = JObject.Parse(JobReportDocument.Build(Run, new OutputSet { Files = [Samples.Output("a.root")] }, ["in.root"], "node1"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(((int)report["exitCode"]!, (string?)report["exitMsg"]), Is.EqualTo((0, "OK")));
            Assert.That(report.SelectToken("files.output[0].subFiles[0]")!.ToString(Newtonsoft.Json.Formatting.None), Is.EqualTo(
                """{"name":"a.root","file_guid":"D5E9A1F2-0000-4000-8000-000000000001","file_size":12}"""));
            Assert.That((string?)report.SelectToken("files.input[0].subFiles[0].name"), Is.EqualTo("in.root"));
            Assert.That((int?)report.SelectToken("resource.transform.cpuTimeTotal"), Is.EqualTo(50));
            Assert.That((string?)report.SelectToken("resource.machine.node"), Is.EqualTo("node1"));
        }
    }

    [Test]
    public void A_bad_run_has_a_message_and_its_true_code()
    {
        JObject report = JObject.Parse(JobReportDocument.Build(Run with { ExitCode = 3 }, new OutputSet(), [], "node1"));
        Assert.That(((int)report["exitCode"]!, (string?)report["exitMsg"]), Is.EqualTo((3, "the payload exited with 3")));
    }

    [Test]
    public void No_run_is_no_success() =>
        Assert.That((int)JObject.Parse(JobReportDocument.Build(null, new OutputSet(), [], "node1"))["exitCode"]!, Is.Not.Zero);

    [Test]
    public void The_error_report_of_the_pilot()
    {
        JObject report = JObject.Parse(PayloadErrorReport.Build(1360, "two\nlines"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Properties().Select(static p => p.Name), Is.EqualTo(new[] { "error_code", "error_diag" }));
            Assert.That(((int)report["error_code"]!, (string?)report["error_diag"]), Is.EqualTo((1360, "two lines")));
            Assert.That(static () => PayloadErrorReport.Build(0, "x"), Throws.InstanceOf<ArgumentOutOfRangeException>());
        }
    }
}
