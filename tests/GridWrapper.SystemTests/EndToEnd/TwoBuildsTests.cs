using System.Runtime.InteropServices;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>The published file and another build of another version, side by side on one cache, as on a node while a site changes versions.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class TwoBuildsTests : EndToEndFixture
{
    /// <summary>The build that these tests are compiled against: not trimmed, not one file, run by the machine's .NET.</summary>
    private static readonly Lazy<string> s_other = new(Install);

    private readonly List<string> _others = [];

    [TearDown]
    public void NothingIsInTheOthersDirectories()
    {
        foreach (string directory in _others)
        {
            Array.ForEach((string[])["job", "cache", "tmp", ""], name => Directory.Delete(Path.Combine(directory, name)));
        }

        _others.Clear();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Each_uses_what_the_other_has_put_into_the_cache(bool publishedFirst, CancellationToken ct)
    {
        Area published = NewArea();
        Area other = OtherBuild(published);
        (Area first, Area second) = publishedFirst ? (published, other) : (other, published);
        string gzip = $"docker://{Testbed.Repository}:gzip";
        string file = ImageFile(published);

        Outcome pulled = await first.RunAsync(ct, "pull", gzip, "--json");
        Outcome unpacked = await first.RunAsync(ct, "pull", file, "--json");
        string[] before = Tree(published);
        Outcome[] runs =
        [
            await second.RunAsync(ct, "exec", gzip, "--", "/bin/cat", "/data/overwritten"),
            await second.RunAsync(ct, "exec", $"docker://{Testbed.Repository}:zstd", "--", "/bin/cat", "/data/overwritten"),
            await second.RunAsync(ct, "exec", file, "--", "/bin/cat", "/data/overwritten"),
        ];
        Outcome[] verified = [await first.RunAsync(ct, "cache", "verify", "--json"), await second.RunAsync(ct, "cache", "verify", "--json")];

        using (Assert.EnterMultipleScope())
        {
            Assert.That((pulled.ExitCode, unpacked.ExitCode), Is.EqualTo((0, 0)), pulled.ToString() + unpacked);
            Assert.That(runs.Select(run => (run.ExitCode, run.Stdout)), Is.All.EqualTo((0, "new\n")), string.Join('\n', runs.Select(r => r.ToString())));
            Assert.That(Tree(published), Is.EqualTo(before), "a layer was made again");
            Assert.That(verified.Select(v => (v.ExitCode, (int?)JObject.Parse(v.Stdout)["layers"])), Is.All.EqualTo((0, 5)));
        }
    }

    [Test]
    public async Task Both_at_once_download_each_layer_once_and_spare_what_the_other_runs(CancellationToken ct)
    {
        Area published = NewArea();
        Area other = OtherBuild(published);
        string image = $"docker://{Testbed.Repository}@{Testbed.Digests["plain"]}";
        string manifest = await File.ReadAllTextAsync(Path.Combine(Testbed.Image, "layout/blobs/sha256", Testbed.Digests["plain"]["sha256:".Length..]), ct);
        string[] layers = [.. JObject.Parse(manifest)["layers"]!.Select(layer => (string)layer["digest"]!)];
        int before = Testbed.AccessLog().Length;

        using StartedRun running = published.Start(null, "exec", image, "--", "/bin/sh", "-c", "echo up; sleep 6; cat /data/overwritten");
        using StartedRun beside = other.Start(null, "exec", image, "--", "/bin/sh", "-c", "cat /data/overwritten");
        Outcome besideEnd = await beside.EndAsync(ct);
        Outcome collected = await other.RunAsync(ct, "cache", "gc", "--max-bytes", "0", "--json");
        Outcome runningEnd = await running.EndAsync(ct);

        string[] requests = [.. Testbed.AccessLog()[before..].Where(line => line.Contains("GET ", StringComparison.Ordinal) && layers.Any(l => line.Contains(l, StringComparison.Ordinal))).Select(line => line.Split('"')[1])];
        using (Assert.EnterMultipleScope())
        {
            Assert.That((besideEnd.ExitCode, besideEnd.Stdout), Is.EqualTo((0, "new\n")), besideEnd.ToString());
            Assert.That((runningEnd.ExitCode, runningEnd.Stdout), Is.EqualTo((0, "up\nnew\n")), runningEnd.ToString());
            Assert.That(JObject.Parse(collected.Stdout)["items"]!.Where(item => (string?)item["kind"] == "layer"), Is.Empty, collected.ToString());
            Assert.That(requests, Is.Unique.And.Length.EqualTo(layers.Length));
        }
    }

    [Test]
    public async Task They_are_two_builds(CancellationToken ct)
    {
        Area published = NewArea();
        Outcome[] versions = [await published.RunAsync(ct, "version", "--json"), await OtherBuild(published).RunAsync(ct, "version", "--json")];
        Assert.That(versions.Select(v => v.ExitCode), Is.All.Zero);
        Assert.That(versions[0].Stdout, Is.Not.EqualTo(versions[1].Stdout));
    }

    /// <summary>The same user, the same cache, the other program.</summary>
    private Area OtherBuild(Area published)
    {
        var other = new Area(published.Uid) { Program = s_other.Value };
        other.Variables["GRIDWRAP_CACHE"] = published.Cache;
        other.Variables["TMPDIR"] = published.Temporary;
        other.Variables["DOTNET_EnableDiagnostics"] = "0";
        other.Variables["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        _others.Add(other.Root);
        return other;
    }

    private static string ImageFile(Area area)
    {
        string file = Path.Combine(area.JobDirectory, "image.sqfs");
        Tool.Run("/usr/bin/mksquashfs", Testbed.ReadableTree, file, "-quiet", "-no-progress", "-all-root");
        Tool.Run("/bin/chmod", "0644", file);
        return file;
    }

    /// <summary>Every layer's directory with the time at which it was put there.</summary>
    private static string[] Tree(Area area) =>
        [.. Directory.GetDirectories(Path.Combine(area.Cache, "store-1/layers/sha256")).Order(StringComparer.Ordinal).Select(d => $"{d} {Directory.GetCreationTimeUtc(d + "/tree"):o}")];

    private static string Install()
    {
        string directory = Path.Combine(Testbed.Base, "other-build");
        Tool.Run("/bin/cp", "-a", AppContext.BaseDirectory, directory);
        Tool.Run("/bin/chmod", "-R", "a+rX", directory);
        return Path.Combine(directory, "gridwrap");
    }
}
