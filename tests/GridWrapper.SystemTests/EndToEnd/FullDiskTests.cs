using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>The published file as an ordinary user on file systems that are full, run full, are read-only, or are somebody else's.</summary>
[TestFixture, NonParallelizable, CancelAfter(300_000)]
internal sealed class FullDiskTests : EndToEndFixture
{
    [TestCase("size=24m", "bytes")]
    [TestCase("size=64m,nr_inodes=400", "inodes")]
    [TestCase("ext4 24M 2000", "bytes")]
    [TestCase("ext4 64M 600", "inodes")]
    public async Task A_disk_that_runs_full_while_unpacking_is_told_and_nothing_is_left(string options, string what, CancellationToken ct)
    {
        Area area = SmallCache(options);
        string image = LayoutImage.Write(area.Root, LayoutImage.Megabytes("small", 1), what == "bytes" ? LayoutImage.Megabytes("big", 40) : LayoutImage.Files("many", 1000));

        Outcome outcome = await area.RunAsync(ct, "pull", image);
        Outcome verify = await area.RunAsync(ct, "cache", "verify", "--json");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(75), outcome.ToString());
            Assert.That(outcome.Stderr, Does.Contain("gridwrap: site: ").And.Contain("step=make-room").And.Contain("errno=ENOSPC").And.Contain("pilot=1098"));
            Assert.That(outcome.Stderr, Does.Contain(area.Cache).And.Contain("inodes free after everything that nobody uses was removed").And.Contain("--cache"));
            Assert.That(Directory.GetFileSystemEntries(Path.Combine(area.Cache, "store-1/tmp")), Is.Empty);
            Assert.That(verify.ExitCode, Is.Zero, verify.ToString());
            Assert.That((int?)JObject.Parse(verify.Stdout)["layers"], Is.LessThanOrEqualTo(1));
        }
    }

    [TestCase("size=24m")]
    [TestCase("ext4 24M 2000")]
    public async Task A_disk_that_runs_full_while_packing_is_told_or_holds_the_compressed_layer(string options, CancellationToken ct)
    {
        Area area = OpenFuse(SmallCache(options));
        string image = $"docker://{Testbed.Address}/full/image:1";
        await Tool.RunAsync("/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", LayoutImage.Write(area.Root, LayoutImage.Megabytes("small", 1), LayoutImage.Megabytes("big", 40)), image);
        string inflated = area.Write("inflated.json", """{ "name": "kept", "strategies": ["packed"], "serving": { "keep": "inflated" } }""");

        Outcome refused = await area.RunAsync(ct, "pull", "--site", inflated, "--strategy", "packed", image);
        string[] left = Directory.GetFileSystemEntries(Path.Combine(area.Cache, "store-1/tmp"));
        Outcome compressed = await area.RunAsync(ct, "pull", "--strategy", "packed", image);
        Outcome verify = await area.RunAsync(ct, "cache", "verify");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(refused.ExitCode, Is.EqualTo(75), refused.ToString());
            Assert.That(refused.Stderr, Does.Contain("gridwrap: site: ").And.Contain("step=make-room").And.Contain("errno=ENOSPC").And.Contain("pilot=1098").And.Contain(area.Cache));
            Assert.That(left, Is.Empty);
            Assert.That((compressed.ExitCode, verify.ExitCode), Is.EqualTo((0, 0)), compressed.ToString() + verify);
            Assert.That(Directory.GetFiles(area.Cache, "blob", SearchOption.AllDirectories), Is.Not.Empty);
        }
    }

    [TestCase("size=24m", "bytes")]
    [TestCase("size=64m,nr_inodes=1200", "inodes")]
    [TestCase("ext4 28M 2000", "bytes")]
    [TestCase("ext4 64M 1200", "inodes")]
    public async Task What_nobody_uses_makes_room_for_a_second_try(string options, string what, CancellationToken ct)
    {
        Area area = SmallCache(options);
        string[] images =
        [
            .. ((string[])["x", "y"]).Select(name => LayoutImage.Write(
                Directory.CreateDirectory(Path.Combine(area.Root, name)).FullName, what == "bytes" ? LayoutImage.Megabytes(name, 15) : LayoutImage.Files(name, 800))),
        ];

        Outcome first = await area.RunAsync(ct, "pull", images[0]);
        Outcome second = await area.RunAsync(ct, "pull", images[1]);
        Outcome verify = await area.RunAsync(ct, "cache", "verify", "--json");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first.ExitCode, Is.Zero, first.ToString());
            Assert.That(second.ExitCode, Is.Zero, second.ToString());
            Assert.That(verify.ExitCode, Is.Zero, verify.ToString());
            Assert.That((int?)JObject.Parse(verify.Stdout)["layers"], Is.EqualTo(1));
            Assert.That(Directory.GetFileSystemEntries(Path.Combine(area.Cache, "store-1/tmp")), Is.Empty);
        }
    }

    [TestCase("size=1m", "MB and")]
    [TestCase("size=64m,nr_inodes=40", "inodes free")]
    public async Task What_cannot_fit_is_refused_before_the_first_byte(string options, string figure, CancellationToken ct)
    {
        Area area = SmallCache(options);
        int before = Testbed.AccessLog().Count(IsBlob);

        Outcome outcome = await area.RunAsync(ct, "exec", $"docker://{Testbed.Repository}:gzip", "--", "true");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(75), outcome.ToString());
            Assert.That(outcome.Stderr, Does.Contain("pilot=1098").And.Contain(figure).And.Contain(area.Cache));
            Assert.That(Testbed.AccessLog().Count(IsBlob) - before, Is.LessThanOrEqualTo(1), "the configuration at most");
        }
    }

    [Test]
    public async Task A_cache_that_became_read_only_can_be_looked_at_and_not_collected(CancellationToken ct)
    {
        Area area = SmallCache("size=64m");
        await area.RunAsync(ct, "pull", $"oci:{Testbed.Image}/layout:gzip");
        Tool.Run("/bin/mount", "-o", "remount,ro", area.Cache);

        Outcome list = await area.RunAsync(ct, "cache", "list", "--json");
        Outcome usage = await area.RunAsync(ct, "cache", "usage");
        Outcome verify = await area.RunAsync(ct, "cache", "verify");
        Outcome collect = await area.RunAsync(ct, "cache", "gc", "--max-bytes", "0");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(JObject.Parse(list.Stdout)["items"]!.Count(item => (string?)item["kind"] == "layer"), Is.EqualTo(4), list.ToString());
            Assert.That((usage.ExitCode, verify.ExitCode), Is.EqualTo((0, 0)), usage.ToString() + verify);
            Assert.That(collect.ExitCode, Is.EqualTo(75), collect.ToString());
            Assert.That(collect.Stderr, Does.Contain("step=prepare-cache errno=EROFS"));
        }
    }

    private static IEnumerable<TestCaseData> BadCaches()
    {
        static TestCaseData Case(string name, string errno, string text, Action<FullDiskTests, Area> spoil) => new TestCaseData(errno, text, spoil).SetName("Cache_" + name);
        yield return Case("read_only_file_system", "EROFS", "read-only", (t, a) => t.MountTmpfs(a.Cache, "size=8m,ro,mode=0700,uid=" + a.Uid));
        yield return Case("made_read_only_later", "EROFS", "read-only", (t, a) =>
        {
            t.MountTmpfs(a.Cache, "size=8m,mode=0700,uid=" + a.Uid);
            foreach (string sub in (string[])["layers/sha256", "flat", "stacks", "cvmfs", "tmp", "locks"])
            {
                Directory.CreateDirectory(Path.Combine(a.Cache, "store-1", sub));
            }

            a.Own(a.Cache);
            Tool.Run("/bin/mount", "-o", "remount,ro", a.Cache);
        });
        yield return Case("parent_not_writable", "EACCES", "may not write there", (_, a) =>
        {
            Directory.Delete(a.Cache);
            a.Variables["GRIDWRAP_CACHE"] = "/usr/gridwrap-cache";
        });
        yield return Case("is_a_file", "ENOTDIR", "no directory", (_, a) =>
        {
            Directory.Delete(a.Cache);
            a.Own(a.Write("cache", ""));
        });
        yield return Case("of_another_user", "", "belongs to uid 0", (_, a) => Tool.Run("/bin/chown", "0:0", a.Cache));
        yield return Case("writable_by_all", "", "writable by nobody else", (_, a) => Tool.Run("/bin/chmod", "0777", a.Cache));
        yield return Case("on_a_full_disk", "ENOSPC", "no inodes", (t, a) =>
        {
            t.MountTmpfs(a.Cache, "size=1m,nr_inodes=2,mode=0700,uid=" + a.Uid);
            File.WriteAllText(Path.Combine(a.Cache, "fill"), "");
        });
    }

    [TestCaseSource(nameof(BadCaches))]
    public async Task A_cache_that_cannot_be_used_is_named_with_the_reason(string errno, string text, Action<FullDiskTests, Area> spoil, CancellationToken ct)
    {
        Area area = new(12345);
        Directory.Delete(Path.Combine(area.Root, "tmp"));
        Directory.CreateDirectory(area.Temporary);
        area.Own(area.Temporary);
        spoil(this, area);
        string cache = area.Variables.GetValueOrDefault("GRIDWRAP_CACHE", area.Cache);

        foreach (string[] command in (string[][])[["exec", Testbed.ReadableTree, "--", "true"], ["exec", $"oci:{Testbed.Image}/layout:gzip", "--", "true"], ["pull", $"oci:{Testbed.Image}/layout:gzip"]])
        {
            Outcome outcome = await area.RunAsync(ct, command);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(outcome.ExitCode, Is.EqualTo(75), outcome.ToString());
                Assert.That(outcome.Stderr, Does.Contain("gridwrap: site: ").And.Contain("the cache " + cache), outcome.ToString());
                Assert.That(outcome.Stderr, Does.Contain(text).And.Contain("step=prepare-cache").And.Contain("--cache").Or.Contain("0 inodes free").And.Contain("step=choose-strategy"), outcome.ToString());
                Assert.That(outcome.Stderr, errno.Length == 0 ? Does.Contain("pilot=1199") : Does.Contain("errno=" + errno), outcome.ToString());
            }
        }
    }

    private static bool IsBlob(string line) => line.Contains("GET /v2/", StringComparison.Ordinal) && line.Contains("/blobs/", StringComparison.Ordinal);

    /// <param name="options">Mount options of a tmpfs, or "ext4 SIZE INODES".</param>
    private Area SmallCache(string options)
    {
        Area area = NewArea();
        if (options.Split(' ') is ["ext4", var size, var inodes])
        {
            string file = Path.Combine(area.Root, "disk");
            Tool.Run("/usr/bin/truncate", "-s", size, file);
            Tool.Run("/sbin/mkfs.ext4", "-q", "-m", "0", "-N", inodes, file);
            Mount(area.Cache, "-o", "loop", file);
            Directory.Delete(Path.Combine(area.Cache, "lost+found"));
            area.Own(area.Cache);
            Tool.Run("/bin/chmod", "0700", area.Cache);
            return area;
        }

        MountTmpfs(area.Cache, $"{options},mode=0700,uid={area.Uid}");
        return area;
    }

    private void MountTmpfs(string path, string options) => Mount(path, "-t", "tmpfs", "-o", options, "tmpfs");
}
