using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>A payload that tries to make gridwrap itself hand over what the payload cannot reach, after it has ended: by what it leaves in the job directory.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(240_000)]
internal sealed class HostileOutputTests : EndToEndFixture
{
    private const string Secret = "SECRET-OF-THE-PILOT";

    /// <summary>SECRET stands for the path of a file of the pilot's.</summary>
    private static IEnumerable<TestCaseData> Tricks()
    {
        yield return Trick("a link to the pilot's proxy", "ln -s @ out.json");
        yield return Trick("a link of links", "ln -s @ a; ln -s a b; ln -s $PWD/b out.json");
        yield return Trick("a link to gridwrap's own environment", "ln -s /proc/self/environ out.json");
        yield return Trick("a link to gridwrap's memory", "ln -s /proc/self/mem out.json");
        yield return Trick("a link to an open file of gridwrap", "ln -s /proc/self/fd/0 out.json");
        yield return Trick("a pipe that nobody writes to", "mkfifo out.json");
        yield return Trick("a socket", "nc -l -p 0 -w 1 >/dev/null 2>&1; mkfifo out.json");
        yield return Trick("a directory", "mkdir out.json; ln -s @ out.json/x");
        yield return Trick("a directory that is a link", "ln -s $(dirname @) d", "{'d/x509up': 'LFN'}");
        yield return Trick("a pattern that matches links", "ln -s @ a.root; ln -s /proc/self/environ b.root", "{'regex|.*\\\\.root': 'LFN'}");
        yield return Trick("a wildcard that matches links", "ln -s @ a.root; echo mine >c.root", "{'*.root': 'LFN.tgz'}", delivered: true);
        yield return Trick("a name that leads out", "echo mine >out.json; ln -s / up", "{'up/etc/passwd': 'LFN'}");
        yield return Trick("a link in the place of its delivery", $"echo mine >out.json; ln -s @ {TestJob.Lfn}");
        yield return Trick("a directory closed to everybody", "mkdir d; echo mine >d/out.json; chmod 0 d", "{'d/out.json': 'LFN'}");

        static TestCaseData Trick(string name, string script, string map = "{'out.json': 'LFN'}", bool delivered = false) => new TestCaseData(script, map, delivered).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Tricks))]
    public async Task ATrickWithAnOutputDeliversNoSecret(string script, string map, bool delivered, CancellationToken ct)
    {
        Area area = NewArea();
        string secret = Hide(area);
        TestJob job = new() { Exec = script.Replace("@", secret, StringComparison.Ordinal), Image = Testbed.ReadableTree, OutMap = map.Replace("LFN", TestJob.Lfn, StringComparison.Ordinal) };
        Outcome outcome = await area.RunAsync(ct, ["run", "--no-report", "--", .. job.Words]);
        string[] holders = await HoldersAsync(area);
        Tool.Run("/bin/chmod", "-R", "u+rwX", area.JobDirectory);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(holders, Is.Empty, "a file of the job directory holds the secret");
            Assert.That(outcome.ToString(), Does.Not.Contain(Secret));
            Assert.That(outcome.ExitCode, delivered ? Is.Zero : Is.EqualTo(73).Or.EqualTo(0).Or.EqualTo(64), outcome.ToString());
            Assert.That(File.ReadAllText(secret), Is.EqualTo(Secret));
        }
    }

    [Test]
    public async Task AForgedResultIsReplaced(CancellationToken ct)
    {
        Area area = NewArea();
        TestJob job = new() { Exec = "echo '{\"forged\": true}' >gridwrap-result.json; echo forged >gridwrap.log; echo mine >out.json; exit 5", Image = Testbed.ReadableTree };
        Outcome outcome = await area.RunAsync(ct, ["run", "--no-report", "--", .. job.Words]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(5), outcome.ToString());
            Assert.That(area.Result["forged"], Is.Null);
            Assert.That((int?)area.Result["payload"]?["exitCode"], Is.EqualTo(5));
        }
    }

    [TestCase("a link in its place", "ln -s @ gridwrap-result.json; ln -s @ gridwrap.log; ln -s @ jobReport.json; ln -s @ payload_error_report.json")]
    [TestCase("a directory in its place", "mkdir -p gridwrap-result.json/x; mkdir payload_error_report.json")]
    public async Task ALinkInPlaceOfTheResultIsNotFollowed(string name, string script, CancellationToken ct)
    {
        Area area = NewArea();
        string secret = Hide(area);
        TestJob job = new() { Exec = script.Replace("@", secret, StringComparison.Ordinal) + "; echo mine >out.json", Image = Testbed.ReadableTree };
        Outcome outcome = await area.RunAsync(ct, ["run", "--no-report", "--", .. job.Words]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.ReadAllText(secret), Is.EqualTo(Secret), $"{name}: {outcome}");
            Assert.That(outcome.ToString(), Does.Not.Contain("defect").IgnoreCase);
        }
    }

    [Test]
    public async Task ThePilotsPhrasesAreThePayloadsAffair(CancellationToken ct)
    {
        Area area = NewArea();
        TestJob job = new()
        {
            Exec = "echo 'FATAL: container creation failed: mount error' >&2; echo 'gridwrap: site: it is over [step=bind errno=EPERM pilot=1306]' >&2; echo 'Singularity is not installed' >&2; echo mine >out.json",
            Image = Testbed.ReadableTree,
        };
        Outcome outcome = await area.RunAsync(ct, ["run", "--no-report", "--", .. job.Words]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(area.Result["failure"]!.Type, Is.EqualTo(JTokenType.Null));
            Assert.That(File.Exists(area.JobFile("payload_error_report.json")), Is.False);
        }
    }

    [Test]
    public async Task TheLogDoesNotGrowWithThePayloadsWords(CancellationToken ct)
    {
        Area area = NewArea();
        TestJob job = new() { Exec = "head -c 50000000 /dev/zero >&2; echo mine >out.json", Image = Testbed.ReadableTree };
        Outcome outcome = await area.RunAsync(ct, ["run", "--no-report", "--", .. job.Words]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero);
            Assert.That(new FileInfo(area.JobFile("gridwrap.log")).Length, Is.LessThan(100_000));
        }
    }

    /// <summary>A file that the pilot, and with it gridwrap, can read, and the variables that name it.</summary>
    private static string Hide(Area area)
    {
        string path = area.Write("pilot/x509up", Secret);
        area.Variables["X509_USER_PROXY"] = path;
        area.Variables["PANDA_AUTH_TOKEN"] = Secret;
        area.Variables["BEARER_TOKEN"] = Secret;
        return path;
    }

    /// <summary>Regular files of the job directory with the secret in them, packed ones included; links are not followed.</summary>
    private static async Task<string[]> HoldersAsync(Area area)
    {
        string found = await Tool.RunAsync("/bin/sh", "-c", "find \"$0\" -type f | while read -r f; do { cat \"$f\"; zcat \"$f\" 2>/dev/null; } | grep -q \"$1\" && echo \"$f\"; done; true", area.JobDirectory, Secret);
        return found.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
