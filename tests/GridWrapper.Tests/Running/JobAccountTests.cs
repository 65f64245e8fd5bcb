using GridWrapper.Jobs;
using GridWrapper.Reporting;
using GridWrapper.SelfTest;
using GridWrapper.Sites;
using GridWrapper.Tests.Planning;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Running;

/// <summary>The figures of a job in its last update, and the strict server's opinion of them.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class JobAccountTests
{
    [Test]
    public async Task The_last_update_has_what_the_job_and_the_payload_give()
    {
        using JobBench bench = new();
        bench.Settings = bench.Settings with { GetJobTime = TimeSpan.FromSeconds(7), Site = Plans.Site with { Panda = new PandaPolicy { Grid = "EGI" } } };
        await File.WriteAllTextAsync(Path.Combine(bench.Directory, "a.root"), "x");
        await bench.RunAsync(JobBench.Job("sleep 1.1; echo '{\"resource\": {\"transform\": {\"processedEvents\": 1234}}}' > jobReport.json") with
        {
            Inputs = ["a.root"],
            InMap = [new InputStream("IN", ["a.root"])],
            SourceSite = "SRC",
            DestinationSite = "DST",
        });
        JobUpdate last = bench.Last;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((last.EventCount, last.InputFileCount, last.CpuConversionFactor), Is.EqualTo(((long?)1234, (int?)1, (double?)1)));
            Assert.That((last.Grid, last.SourceSite, last.DestinationSite, last.CorruptedFiles), Is.EqualTo(("EGI", "SRC", "DST", (string?)null)));
            Assert.That(last.PilotTiming, Does.Match(@"^7\|0\|1\|"));
            Assert.That(last.JobMetrics, Does.StartWith("actualCoreCount=1 nEvents=1234 "));
            Assert.That(Refused(last), Is.Null);
        }
    }

    [TestCase("""{"files": {"output": [{"subFiles": [{"name": "a", "nentries": 10}, {"name": "b", "nentries": "25"}]}, {"subFiles": [{"name": "c"}]}]}}""", 25)]
    [TestCase("""{"resource": {"transform": {"processedEvents": 3}}, "files": {"output": [{"subFiles": [{"name": "a", "nentries": 10}]}]}}""", 3)]
    [TestCase("""{"resource": {"transform": {"processedEvents": -3}}}""", null)]
    [TestCase("""{"files": {"output": {}}, "resource": 7}""", null)]
    [TestCase("[]", null)]
    [TestCase("{", null)]
    public void Events_are_those_that_the_payload_reports(string report, int? events)
    {
        using RunningScratch scratch = new();
        scratch.Write("jobReport.json", report);
        Assert.That(GridWrapper.Running.PayloadReport.Read(scratch.Job)?.Events, Is.EqualTo((long?)events));
    }

    [Test]
    public async Task Inputs_that_came_damaged_are_named()
    {
        using JobBench bench = new();
        string storage = Directory.CreateDirectory(bench.Directory + ".storage").FullName;
        await File.WriteAllTextAsync(Path.Combine(storage, "a.root"), "damaged");
        bench.Settings = bench.Settings with { StageIn = [StorageAddress.Of(storage)] };
        await bench.RunAsync(JobBench.Job("true") with { Inputs = ["a.root"], InputFiles = [new InputFile("a.root") { Checksum = "ad:00000001" }] });
        using (Assert.EnterMultipleScope())
        {
            Assert.That((bench.Last.PilotErrorCode, bench.Last.CorruptedFiles, bench.Last.InputFileCount), Is.EqualTo(((int?)1171, "a.root", (int?)1)), bench.Last.PilotErrorDiag);
            Assert.That(Refused(bench.Last), Is.Null);
        }
    }

    /// <summary>The server's decorator on the very bytes that would be sent.</summary>
    private static JToken? Refused(JobUpdate update) =>
        ArgumentCheck.Judge(ApiSignature.UpdateJob, JObject.Parse(Encoding.UTF8.GetString(WireBody.Json([.. UpdateFields.Of(update)]))), new HashSet<string>())?.Document;
}
