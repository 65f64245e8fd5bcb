using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Running;

namespace GridWrapper.Tests.Running;

/// <summary>Jobs of runGen that have no steps of their own: gridwrap does the transform's work.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class RunGenTests
{
    [TestCase("http://pandaserver.cern.ch:25080/trf/user/runGen-00-00-02", "run/here", "/ctrdata/run/here", "x.lib.tgz")]
    [TestCase("http://pandaserver.cern.ch:25080/trf/user/runGen-00-00-02", "./", "/ctrdata", "x.lib.tgz")]
    [TestCase("http://pandaserver.cern.ch:25080/trf/user/runcontainer", "run/here", "/ctrdata", null, Description = "ignores both")]
    public void The_run_directory_and_the_library(string transformation, string run, string directory, string? library)
    {
        JobRequest job = Read(transformation, $"-r {run} -l x.lib.tgz").RequestOrThrow();
        Assert.That((job.WorkDirectory, job.Library), Is.EqualTo((directory, library)));
    }

    [TestCase("-r ../out", "-r must name a directory below the job directory")]
    [TestCase("-r /tmp", "-r must name a directory below the job directory")]
    [TestCase("-l a/b", "-l must name a file")]
    public void What_leads_elsewhere_is_refused(string options, string fault) =>
        Assert.That(Read("http://h/trf/user/runGen-00-00-02", options).Faults, Has.One.Contains(fault));

    [Test]
    public void Steps_of_the_jobs_own_read_their_options_themselves() =>
        Assert.That(Read("http://h/trf/user/runGen-00-00-02", "-r run -l x.lib.tgz", ", \"preprocess\": {\"command\": \"x\", \"args\": \"y\"}").RequestOrThrow() is { WorkDirectory: "/ctrdata", Library: null });

    [Test]
    public void A_process_beside_the_payload_is_not_started_and_that_is_said() =>
        Assert.That(Read("http://h/trf/user/runGen-00-00-02", "-r .", ", \"coprocess\": {\"command\": \"x\", \"args\": \"y\"}").RequestOrThrow().IgnoredOptions, Has.Member("coprocess"));

    [Test]
    public async Task The_library_is_unpacked_and_a_missing_one_is_an_input_that_is_missing()
    {
        using JobBench bench = new();
        await bench.RunAsync("mkdir -p lib; echo made > lib/made; tar czf x.lib.tgz lib; rm -r lib");
        JobOutcome outcome = await bench.RunAsync(JobBench.Job("cat lib/made") with { Library = "x.lib.tgz" });
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Failure?.Message, bench.Last.JobStatus), Is.EqualTo(((string?)null, "finished")));
            Assert.That(await File.ReadAllTextAsync(Path.Combine(bench.Directory, "payload.stdout")), Is.EqualTo("made\n"));
        }

        using JobBench other = new();
        await other.RunAsync(JobBench.Job("true") with { Library = "x.lib.tgz" });
        Assert.That(other.Last.PilotErrorCode, Is.EqualTo(PilotError.MissingInputFile));
    }

    private static JobReadResult Read(string transformation, string options, string more = "")
    {
        string document = $$"""{"PandaID": 1, "transformation": "{{transformation}}", "container_name": "docker://alpine", "jobPars": "-j \"\" {{options.Replace("\"", "\\\"", StringComparison.Ordinal)}} -p true"{{more}}}""";
        return JobReader.FromDocument(Encoding.UTF8.GetBytes(document), new JobReadOptions { CurrentDirectory = "/" });
    }
}
