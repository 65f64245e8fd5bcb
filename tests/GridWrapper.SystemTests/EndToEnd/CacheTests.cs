using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>The cache under several jobs, under kill -9 at any moment, and under its own command, with the published file.</summary>
[TestFixture, NonParallelizable, CancelAfter(600_000)]
internal sealed class CacheTests : EndToEndFixture
{
    private const int Jobs = 16;
    private const int Kills = 50;

    [Test]
    public async Task Sixteen_jobs_at_once_download_each_blob_once(CancellationToken ct)
    {
        Area area = NewArea();
        int before = Blobs().Length;

        Outcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, Jobs).Select(_ => area.RunAsync(ct, "pull", $"docker://{Testbed.Repository}@{Testbed.Digests["zstd"]}", "--json")));

        string[] layers = [.. Blobs()[before..].Where(line => IsLayer(line, outcomes[0]))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcomes.Select(outcome => outcome.ExitCode), Is.All.Zero);
            Assert.That(layers, Is.Unique.And.Not.Empty);
        }
    }

    [Test]
    public async Task A_pull_that_is_killed_at_any_moment_leaves_nothing_wrong(CancellationToken ct)
    {
        // Not looked after at the end: a runtime killed in its first milliseconds leaves its own files in TMPDIR, and nobody can prevent that.
        var area = new Area();
        string image = $"docker://{Testbed.Repository}:gzip";
        var random = new Random(20261122);
        for (int i = 0; i < Kills; i++)
        {
            using StartedRun run = area.Start(null, "pull", image);
            await Task.Delay(random.Next(20, 700), ct);
            run.Kill();
            await run.EndAsync(ct);
            if (i % 10 == 0)
            {
                Outcome meanwhile = await area.RunAsync(ct, "cache", "verify", "--json");
                Assert.That(meanwhile.ExitCode, Is.Zero, meanwhile.ToString());
            }

            if (i % 3 == 0 && Directory.Exists(Path.Combine(area.Cache, "store-1/layers")))
            {
                // What is complete is not made again; what the killed ones left stays, for the next one to find.
                Directory.Delete(Path.Combine(area.Cache, "store-1/layers"), recursive: true);
            }
        }

        Outcome pull = await area.RunAsync(ct, "pull", image);
        Outcome verify = await area.RunAsync(ct, "cache", "verify", "--json");
        Outcome run2 = await area.RunAsync(ct, "exec", image, "--", "/bin/cat", "/data/overwritten");
        Outcome collect = await area.RunAsync(ct, "cache", "gc");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(pull.ExitCode, Is.Zero, pull.ToString());
            Assert.That(verify.ExitCode, Is.Zero, verify.ToString());
            Assert.That((int?)JObject.Parse(verify.Stdout)["layers"], Is.EqualTo(4));
            Assert.That(run2.Stdout, Is.EqualTo("new\n"), run2.ToString());
            Assert.That(collect.ExitCode, Is.Zero, collect.ToString());
            Assert.That(Directory.GetFileSystemEntries(Path.Combine(area.Cache, "store-1/tmp")), Is.Empty);
        }
    }

    [Test]
    public async Task What_a_running_payload_uses_is_not_collected(CancellationToken ct)
    {
        Area area = NewArea();
        string image = $"docker://{Testbed.Repository}:gzip";
        using StartedRun run = area.Start(null, "exec", image, "--", "/bin/sh", "-c", "echo > /proc/self/fd/1 started; sleep 3; cat /data/overwritten");
        await run.UntilAsync(() => Directory.Exists(Path.Combine(area.Cache, "store-1/layers/sha256")) && Directory.GetDirectories(Path.Combine(area.Cache, "store-1/layers/sha256")).Length == 4, ct);
        await Task.Delay(500, ct);

        Outcome during = await area.RunAsync(ct, "cache", "gc", "--max-bytes", "0", "--json");
        Outcome payload = await run.EndAsync(ct);
        Outcome after = await area.RunAsync(ct, "cache", "gc", "--max-bytes", "0", "--json");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Names(during, "layer"), Is.Empty, during.ToString());
            Assert.That(payload.Stdout, Does.EndWith("new\n"), payload.ToString());
            Assert.That(Names(after, "layer"), Has.Length.EqualTo(4), after.ToString());
        }
    }

    [Test]
    public async Task Verify_finds_a_changed_byte_and_removes_the_layer(CancellationToken ct)
    {
        Area area = NewArea();
        string image = $"docker://{Testbed.Repository}:gzip";
        await area.RunAsync(ct, "pull", image);
        string file = Directory.GetFiles(Path.Combine(area.Cache, "store-1/layers/sha256"), "overwritten", SearchOption.AllDirectories)[0];
        DateTime time = File.GetLastWriteTimeUtc(file);
        await File.WriteAllTextAsync(file, new string('!', (int)new FileInfo(file).Length), ct);
        File.SetLastWriteTimeUtc(file, time);

        Outcome found = await area.RunAsync(ct, "cache", "verify", "--remove");
        Outcome again = await area.RunAsync(ct, "exec", image, "--", "/bin/cat", "/data/overwritten");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.ExitCode, Is.EqualTo(75), found.ToString());
            Assert.That(found.Stdout, Does.Contain("data/overwritten").And.Contain("(removed)"));
            Assert.That(again.Stdout, Is.EqualTo("new\n"), again.ToString());
        }
    }

    private static string[] Names(Outcome outcome, string kind) => [.. JObject.Parse(outcome.Stdout)["items"]!.Where(item => (string?)item["kind"] == kind).Select(item => (string)item["name"]!)];

    /// <summary>Blob requests that were answered, as "GET path".</summary>
    private static string[] Blobs() => [.. Testbed.AccessLog().Where(line => line.Contains("GET /v2/", StringComparison.Ordinal) && line.Contains("/blobs/", StringComparison.Ordinal) && line.Contains("\" 200 ", StringComparison.Ordinal)).Select(line => line.Split('"')[1])];

    private static bool IsLayer(string request, Outcome outcome) =>
        JObject.Parse(outcome.Stdout)["image"]!["layers"]!.Any(layer => request.Contains((string)layer["digest"]!, StringComparison.Ordinal));
}
