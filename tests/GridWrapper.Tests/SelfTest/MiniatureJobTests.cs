using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class MiniatureJobTests
{
    private static readonly MiniatureJob s_job = new()
    {
        PandaId = 4012345678,
        TaskId = 15012345,
        Image = "docker://127.0.0.1:5000/miniature:1.0",
        SourceUrl = new Uri("http://127.0.0.1:25443/anything"),
        SandboxId = Guid.Parse("d4e92bca-3544-496a-b03a-bf2299a61d40"),
    };

    [Test]
    public void Job_parameters_are_as_prun_writes_them() => Assert.That(
        s_job.JobParameters,
        Is.EqualTo(
            "-j \"\" --sourceURL http://127.0.0.1:25443 -r . -a jobO.d4e92bca-3544-496a-b03a-bf2299a61d40.tar.gz "
            + "-o \"{'out.json': 'user.tester.15012345._000001.out.json'}\" "
            + "-p \"./greet.sh%20%22hello%20from%20PanDA%2C%20100%25%20in%20a%20container%22%20%3E%20out.json%20%26%26%20ls%20-l%202%3E/dev/null%3B%20test%20-s%20out.json\" "
            + "--containerImage docker://127.0.0.1:5000/miniature:1.0 "));

    [Test]
    public void Output_lists_name_the_output_and_the_log()
    {
        JObject job = JObject.Parse(s_job.ToJson());

        using (Assert.EnterMultipleScope())
        {
            Assert.That((long)job["PandaID"]!, Is.EqualTo(4012345678));
            Assert.That((string?)job["outFiles"], Is.EqualTo($"{s_job.OutputLfn},{s_job.LogLfn}"));
            Assert.That((string?)job["logFile"], Is.EqualTo("user.tester.miniature.log.15012345.000001.log.tgz"));
            Assert.That((string?)job["logGUID"], Does.Match("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$").And.Not.Contain("d4e92bca"));
            Assert.That(((string)job["scopeOut"]!).Split(','), Has.Length.EqualTo(1), "the log's scope stands in scopeLog");
            Assert.That(((string)job["destinationDblock"]!).Split(','), Has.Length.EqualTo(2));
            Assert.That((string?)job["jobPars"], Is.EqualTo(s_job.JobParameters));
        }
    }

    [TestCase("a b", "a%20b")]
    [TestCase("A-z_0.9~/", "A-z_0.9~/")]
    [TestCase("+=&?'\"()!*", "%2B%3D%26%3F%27%22%28%29%21%2A")]
    [TestCase("é", "%C3%A9")]
    public void Percent_encoding_is_pythons(string text, string expected) => Assert.That(MiniatureJob.PercentEncode(text), Is.EqualTo(expected));

    [Test]
    [CancelAfter(30_000)]
    public async Task The_payload_of_the_sandbox_runs_in_a_plain_shell(CancellationToken ct)
    {
        string directory = Miniature.Scratch();
        await File.WriteAllBytesAsync(Path.Combine(directory, s_job.SandboxFile), MiniatureJob.Sandbox(), ct);
        ToolRun unpacked = await ToolRun.RunAsync("/bin/tar", directory, "-xzf", s_job.SandboxFile);
        ToolRun run = await ToolRun.RunAsync("/bin/sh", directory, "-c", MiniatureJob.Exec);
        JObject output = JObject.Parse(await File.ReadAllTextAsync(Path.Combine(directory, MiniatureJob.OutputName), ct));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(unpacked.ExitCode, Is.Zero, unpacked.Errors);
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That((string?)output["greeting"], Is.EqualTo(MiniatureJob.Greeting));
            Assert.That((string?)output["note"], Is.EqualTo(MiniatureJob.Note));
            Assert.That((string?)output["uid"], Does.Match("^[0-9]+$"));
            Assert.That((string?)output["marker"], Is.EqualTo("none"), "there is no image around it");
        }

        Miniature.Remove(directory);
    }
}
