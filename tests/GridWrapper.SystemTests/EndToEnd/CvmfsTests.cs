using System.Text.RegularExpressions;
using GridWrapper.SystemTests.Probing;
using GridWrapper.Tests.Documentation;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Images in CVMFS: used and verified where they are right, passed over where they are not, and never waited for when the client is ill.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed partial class CvmfsTests : EndToEndFixture
{
    private const string Repository = "unpacked.cern.ch";

    /// <summary>Deadlines that a test can wait for.</summary>
    private const string Hasty = "\"firstTouchSeconds\": 2, \"stepSeconds\": 2";

    [Test]
    public async Task A_flat_tree_is_used_verified_and_no_layer_is_fetched(CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        Publish(area, name, Testbed.ConfigDigest);
        int before = BlobsFetched().Length;
        Outcome outcome = await RunAsync(area, name, "\"copies\": \"accept\"", ct);
        string[] fetched = BlobsFetched()[before..];
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-flat");
            Assert.That((string?)area.Result["image"]!["verified"], Is.EqualTo("verified"));
            Assert.That((string?)area.Result["image"]!["configDigest"], Is.EqualTo(Testbed.ConfigDigest));
            Assert.That(fetched, Is.All.EqualTo(Testbed.ConfigDigest));
            Assert.That(Directory.GetFiles(area.Cache, "*", SearchOption.AllDirectories).Select(f => f[(area.Cache.Length + 1)..]).Where(f => !f.Contains("locks/", StringComparison.Ordinal)), Is.EqualTo((string[])["configs/" + Testbed.ConfigDigest["sha256:".Length..]]));
        }
    }

    [Test]
    public async Task A_flat_tree_behind_a_client_is_used_without_the_profile_saying_so(CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        Publish(area, name, Testbed.ConfigDigest);
        using FakeCvmfsMount mount = Mount(area);
        Outcome outcome = await RunAsync(area, name, "\"staleImages\": \"refuse\"", ct, mounted: true);
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-flat");
            Assert.That((string?)area.Result["image"]!["verified"], Is.EqualTo("verified"));
        }
    }

    [TestCase("refuse", "registry", "verified")]
    [TestCase("accept", "cvmfs-flat", "stale")]
    public async Task A_tag_that_moved_is_stale_and_the_profile_decides(string policy, string strategy, string verified, CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        Publish(area, name, "sha256:" + new string('a', 64));
        Outcome outcome = await RunAsync(area, name, $"\"copies\": \"accept\", \"staleImages\": \"{policy}\"", ct);
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, strategy);
            Assert.That((string?)area.Result["image"]!["verified"], Is.EqualTo(verified));
            Assert.That(ReasonOf(area.Result, "cvmfs-flat"), Does.Contain("stale").Or.Contain("another image").Or.Contain(new string('a', 12)));
        }
    }

    [Test]
    public async Task Without_the_registry_a_flat_tree_is_unverified(CancellationToken ct)
    {
        Area area = NewArea();
        const string name = "127.0.0.1:9/testbed/image:gzip";
        Publish(area, name, Testbed.ConfigDigest);
        Outcome outcome = await RunAsync(area, name, "\"copies\": \"accept\"", ct);
        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-flat");
            Assert.That((string?)area.Result["image"]!["verified"], Is.EqualTo("unverified"));
        }
    }

    [TestCase("stopped")]
    [TestCase("silent")]
    [TestCase("dead")]
    [TestCase("absent")]
    public async Task An_ill_client_is_told_within_the_deadline_and_the_job_runs_from_the_registry(string illness, CancellationToken ct)
    {
        Area area = NewArea();
        string name = UniqueName(area);
        Publish(area, name, Testbed.ConfigDigest);
        string site = Site(area, Hasty);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, illness == "absent" ? "nowhere" : "cvmfs");
        FakeCvmfsMount? mount = illness == "absent" ? null : Mount(area, illness == "silent" ? ["--hang", "/"] : []);
        try
        {
            Make(mount, illness);
            Outcome plan = await area.RunAsync(ct, "plan", "--site", site, "--json", "docker://" + name);
            Outcome job = await area.RunAsync(ct, "run", "--site", site, "--job", Job(area, name));
            using (Assert.EnterMultipleScope())
            {
                Assert.That(plan.ExitCode, Is.Zero, plan.ToString());
                Assert.That(await SchemaCheck.FaultsAsync("docs/schemas/plan.schema.json", plan.Stdout), Is.Empty);
                Assert.That(plan.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), "deadlines of 2 s, and a busy machine");
                Assert.That(ReasonOf(JObject.Parse(plan.Stdout), "cvmfs-flat"), Does.Contain(Told(illness)));
                CheckJob(area, job, "registry");
            }
        }
        finally
        {
            mount?.Dispose();
        }
    }

    private static void Make(FakeCvmfsMount? mount, string illness)
    {
        if (illness == "stopped")
        {
            mount!.Stop();
        }
        else if (illness == "dead")
        {
            mount!.Kill();
        }
    }

    private static string Told(string illness) => illness switch { "stopped" => "slow", "silent" => "hung", "dead" => "dead", _ => "absent" };

    /// <summary>Lays the image out as an image repository does: a flat tree under its digest, and its public name as a link to it.</summary>
    private static void Publish(Area area, string name, string digest)
    {
        string hex = digest["sha256:".Length..];
        string repository = Path.Combine(area.Root, "source", Repository);
        string flat = Path.Combine(repository, ".flat", hex[..2], hex);
        Directory.CreateDirectory(Path.GetDirectoryName(flat)!);
        Directory.CreateDirectory(Path.Combine(repository, "logDir"));
        File.WriteAllText(Path.Combine(repository, "logDir/lastUpdate"), "2026-11-01 12:00:00 | publisher | 1793534400\n");
        Tool.Run("/bin/cp", "-a", Testbed.ReadableTree, flat);
        string scripts = Directory.CreateDirectory(Path.Combine(flat, ".singularity.d/env")).FullName;
        File.WriteAllText(Path.Combine(scripts, "10-docker2singularity.sh"), "#!/bin/sh\nexport PATH=\"/usr/local/bin:/bin\"\nexport TESTBED_IMAGE=\"${TESTBED_IMAGE:-\"busybox\"}\"\n");
        string link = Path.Combine(repository, name);
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        File.CreateSymbolicLink(link, string.Concat(Enumerable.Repeat("../", name.Count(c => c == '/'))) + $".flat/{hex[..2]}/{hex}");
    }

    private static FakeCvmfsMount Mount(Area area, params string[] options) =>
        new(Path.Combine(area.Root, "source", Repository), Path.Combine(area.Root, "cvmfs", Repository), ["--fqrn", Repository, "--attribute", "user.revision=42", "--attribute", "user.host=http://127.0.0.1", .. options]);

    private static async Task<Outcome> RunAsync(Area area, string name, string cvmfs, CancellationToken ct, bool mounted = false)
    {
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, mounted ? "cvmfs" : "source");
        return await area.RunAsync(ct, "run", "--site", Site(area, cvmfs), "--job", Job(area, name));
    }

    private static string Site(Area area, string cvmfs) => area.Write("site.json", $"{{ \"name\": \"test\", \"cvmfs\": {{ {cvmfs} }} }}");

    private static string Job(Area area, string name) => area.Write("job.json", new TestJob { Image = "docker://" + name }.Json);

    private static void CheckJob(Area area, Outcome outcome, string strategy)
    {
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        Assert.That(area.ReadText(TestJob.Lfn), Is.EqualTo(TestJob.Content));
        Assert.That((string?)area.Result["attempts"]!.Last!["strategy"], Is.EqualTo(strategy), area.Result.ToString());
        Assert.That((string?)area.Result["plan"]!["chosen"]!["strategy"], Is.EqualTo(strategy));
    }

    private static string ReasonOf(JObject document, string strategy) =>
        (string)(document["plan"] ?? document)["candidates"]!.First(c => (string?)c["strategy"] == strategy)["reason"]!;

    /// <summary>The image under a name of its own, so that requests for it can be told from those of other tests.</summary>
    private static string UniqueName(Area area)
    {
        string name = $"{Testbed.Address}/testbed/{Path.GetFileName(area.Root)}:gzip";
        Tool.Run("/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", $"oci:{Testbed.Image}/layout:gzip", "docker://" + name);
        return name;
    }

    /// <summary>Digests of the blobs that were sent, to this product.</summary>
    private static string[] BlobsFetched() =>
        [.. Testbed.AccessLog().Where(l => !l.Contains("skopeo", StringComparison.Ordinal)).Select(l => BlobRequest().Match(l)).Where(m => m.Success).Select(m => m.Groups[1].Value)];

    [GeneratedRegex("\"GET /v2/testbed/area-[0-9a-f]+/blobs/(sha256:[0-9a-f]{64}) ")]
    private static partial Regex BlobRequest();
}
