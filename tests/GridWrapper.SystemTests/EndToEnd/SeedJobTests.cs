using System.Formats.Tar;
using System.IO.Compression;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Job parameters as they were written in 2018: the image first and with an equals sign, the user's sandbox fetched from the server that has it.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed class SeedJobTests : EndToEndFixture
{
    private const string Sandbox = "jobO.d4e92bca-3544-496a-b03a-bf2299a61d40.tar.gz";
    private const string Lfn = "user.lheinric.15012345._000001.out.json";

    [Test]
    public async Task The_sandbox_is_fetched_and_the_output_delivered_under_its_lfn([Values] bool asWords, CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        server.AddFile(Sandbox, Tarball("run.sh", "#!/bin/sh\nread -r word <data/word\necho \"{\\\"word\\\": \\\"$word\\\"}\" >\"$1\"\n", "data/word", "brought along\n"));
        string[] words = Words(server.Address, Lfn);
        string job = new JObject { ["PandaID"] = 4012345678, ["jobPars"] = string.Join(' ', words.Select(Quote)) }.ToString();
        Outcome outcome = asWords ? await area.RunAsync(ct, words) : await area.RunAsync(ct, "run", "--job", area.Write("job.json", job));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Stderr), Is.EqualTo((0, "")), outcome.ToString());
            Assert.That(area.ReadText(Lfn), Is.EqualTo("{\"word\": \"brought along\"}\n"));
            Assert.That((string?)area.Result["outputs"]![0]!["name"], Is.EqualTo("out.json"));
            Assert.That(server.Requests.Select(r => r.Path), Is.EqualTo((string[])[$"/cache/{Sandbox}"]));
        }
    }

    [Test]
    public async Task A_tasks_text_is_shown_by_a_dry_run_and_refused_by_a_run(CancellationToken ct)
    {
        const string template = "user.lheinric.$JEDITASKID${SN/P}.out.json";
        Area area = NewArea();
        string[] words = Words(new Uri("https://aipanda078.cern.ch:25443"), template);
        Outcome dry = await area.RunAsync(ct, ["--dry-run", "--json", "run", "--", .. words]);
        Outcome run = await area.RunAsync(ct, words);
        JObject job = (JObject)JObject.Parse(dry.Stdout)["job"]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)job["image"], Is.EqualTo($"docker://{Testbed.Repository}:gzip"), dry.ToString());
            Assert.That((string?)job["exec"], Is.EqualTo("chmod +x run.sh; ./run.sh out.json"));
            Assert.That(((string?)job["sandbox"]!["url"], (string?)job["sandbox"]!["file"]), Is.EqualTo(("https://aipanda078.cern.ch:25443", Sandbox)));
            Assert.That((string?)job["outputs"]!.Single()["lfn"], Is.EqualTo(template));
            Assert.That(run.ExitCode, Is.EqualTo(64), run.ToString());
            Assert.That(run.Stderr, Does.Contain("$JEDITASKID").And.Contain("${SN/P}"));
        }
    }

    [Test]
    public async Task A_sandbox_that_is_not_there_is_named(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        Outcome outcome = await area.RunAsync(ct, Words(server.Address, Lfn));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(125).Or.EqualTo(75), outcome.ToString());
            Assert.That(outcome.Stderr, Does.Contain(Sandbox).And.Contain("404"));
            Assert.That((int)area.ReadJson("payload_error_report.json")["error_code"]!, Is.EqualTo(1335));
        }
    }

    [Test]
    public async Task Outputs_and_result_go_where_they_are_wanted(CancellationToken ct)
    {
        Area area = NewArea();
        string store = Directory.CreateDirectory(Path.Combine(area.JobDirectory, "store")).FullName;
        area.Own(store);
        TestJob job = new();
        Outcome outcome = await area.RunAsync(ct, "run", "--stage-out", store, "--result", Path.Combine(store, "account.json"), "--job", area.Write("job.json", job.Json));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        JObject result = JObject.Parse(await File.ReadAllTextAsync(Path.Combine(store, "account.json"), ct));
        string delivered = Directory.GetFiles(store, TestJob.Lfn, SearchOption.AllDirectories).Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await File.ReadAllTextAsync(delivered, ct), Is.EqualTo(TestJob.Content));
            Assert.That((string?)result["outputs"]![0]!["url"], Does.EndWith(TestJob.Lfn));
            Assert.That(File.Exists(area.JobFile("gridwrap-result.json")), Is.False);
        }
    }

    private static string[] Words(Uri source, string lfn) =>
    [
        $"--containerImage=docker://{Testbed.Repository}:gzip", "-j", "", "--sourceURL", source.GetLeftPart(UriPartial.Authority), "-r", ".", "-a", Sandbox,
        "-o", $"{{'out.json': '{lfn}'}}", "-p", Uri.EscapeDataString("chmod +x run.sh; ./run.sh out.json"),
    ];

    private static string Quote(string word) => word.Length == 0 || word.Any(c => c is ' ' or '\'' or '{') ? $"\"{word}\"" : word;

    private static byte[] Tarball(params string[] namesAndContents)
    {
        using MemoryStream bytes = new();
        using (GZipStream gzip = new(bytes, CompressionLevel.Fastest, leaveOpen: true))
        using (TarWriter tar = new(gzip))
        {
            foreach (string[] file in namesAndContents.Chunk(2))
            {
                using MemoryStream content = new(Encoding.UTF8.GetBytes(file[1]));
                tar.WriteEntry(new GnuTarEntry(TarEntryType.RegularFile, file[0]) { DataStream = content });
            }
        }

        return bytes.ToArray();
    }
}
