using GridWrapper.Tests.Documentation;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>One job in every shape in which it reaches a node: it runs, and its account is the same each time.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed class JobShapesTests : EndToEndFixture
{
    /// <summary>What the first run's account said, once its times and identities are taken out.</summary>
    private JObject? _reference;

    private static readonly TestJob Job = new();

    private static IEnumerable<TestCaseData> Shapes()
    {
        yield return Shape("answer of acquire_jobs", j => $"{{\"success\": true, \"message\": \"\", \"data\": {{\"StatusCode\": 0, \"jobs\": [{j.Json}]}}}}");
        yield return Shape("job object", j => j.Json);
        yield return Shape("legacy JSON, one job", j => $"{{\"StatusCode\": 0, {j.Json[1..]}");
        yield return Shape("legacy JSON with jobs", j => $"{{\"StatusCode\": 0, \"jobs\": [{j.Json}]}}");
        yield return Shape("legacy form", j => j.Form);
        yield return Shape("legacy form with jobs", j => $"StatusCode=0&jobs={TestJob.Encode($"[{j.Json}]")}");
        yield return Shape("pandaJobData.out as a form", j => j.Form + "\n", "pandaJobData.out");
        yield return Shape("pandaJobData.out as JSON", j => $"{{\"{j.PandaId}\": {j.Json}}}", "pandaJobData.out");
        yield return Shape("HPCJobs.json", j => new JObject { [$"{j.PandaId}"] = j.Document }.ToString(Formatting.Indented), "HPCJobs.json");

        static TestCaseData Shape(string name, Func<TestJob, string> write, string file = "job.json") => new TestCaseData(write, file).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Shapes))]
    public async Task A_document_runs(Delegate write, string file, CancellationToken ct)
    {
        Area area = NewArea();
        string path = area.Write("given/" + file, ((Func<TestJob, string>)write)(Job));
        await CheckAsync(area, await area.RunAsync(ct, "run", "--job", path), withNumbers: true);
    }

    [Test]
    public async Task A_document_on_stdin_runs(CancellationToken ct)
    {
        Area area = NewArea();
        await CheckAsync(area, await area.RunWithInputAsync(Job.Json, ct, "run", "--job", "-"), withNumbers: true);
    }

    [Test]
    public async Task The_transforms_words_behind_run_are_a_job(CancellationToken ct)
    {
        Area area = NewArea();
        await CheckAsync(area, await area.RunAsync(ct, ["run", "--", .. Job.Words]), withNumbers: false);
    }

    [Test]
    public async Task The_transforms_words_alone_are_a_job(CancellationToken ct)
    {
        Area area = NewArea();
        await CheckAsync(area, await area.RunAsync(ct, Job.Words), withNumbers: false);
    }

    [Test]
    public async Task Called_as_the_transform_its_words_are_a_job(CancellationToken ct)
    {
        string link = Path.Combine(Testbed.Base, "bin/runcontainer");
        File.CreateSymbolicLink(link, "gridwrap");
        Area area = Register(new Area { Program = link });
        await CheckAsync(area, await area.RunAsync(ct, Job.Words), withNumbers: false);
    }

    private async Task CheckAsync(Area area, Outcome outcome, bool withNumbers)
    {
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        JObject result = area.Result;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(area.ReadText(TestJob.Lfn), Is.EqualTo(TestJob.Content));
            Assert.That(outcome.Stdout, Is.EqualTo(TestJob.Content), "stdout is the payload's");
            Assert.That(outcome.Stderr, Is.Empty);
            Assert.That(Directory.GetFileSystemEntries(area.JobDirectory).Select(Path.GetFileName),
                Is.EquivalentTo((string[])[TestJob.Lfn, "gridwrap-result.json", "gridwrap.log", "jobReport.json"]));
            Assert.That((string?)result["outputs"]![0]!["adler32"], Is.EqualTo(TestJob.Adler32));
            Assert.That((long?)result["job"]!["pandaId"], Is.EqualTo(withNumbers ? Job.PandaId : null));
            Assert.That((int?)result["job"]!["attempt"], Is.EqualTo(withNumbers ? 2 : (int?)null));
            Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/gridwrap-result.schema.json", result.ToString()), Is.Empty);
        }

        JObject lasting = Lasting(result);
        _reference ??= lasting;
        Assert.That(lasting.ToString(), Is.EqualTo(_reference.ToString()));
    }

    /// <summary>The account without what differs from run to run, and without the numbers that words do not have.</summary>
    private static JObject Lasting(JObject result)
    {
        JObject lasting = (JObject)result.DeepClone();
        lasting.Remove("timings");
        lasting.Remove("cost");
        foreach (JToken predicted in lasting.SelectTokens("plan..cost.seconds").ToList())
        {
            predicted.Parent!.Remove();
        }

        lasting.Remove("job");
        lasting["outputs"]![0]!["guid"]!.Parent!.Remove();
        lasting["attempts"]![0]!["seconds"]!.Parent!.Remove();
        foreach (string name in (string[])["startedAt", "endedAt", "wallSeconds", "cpuSeconds", "maxRssBytes"])
        {
            ((JObject)lasting["payload"]!).Remove(name);
        }

        lasting["node"]!["uid"]!.Parent!.Remove();
        lasting["node"]!["gid"]!.Parent!.Remove();
        return lasting;
    }
}
