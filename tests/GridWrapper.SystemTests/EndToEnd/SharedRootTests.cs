using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>A cache root that a site shares: filled by one user, read by another, in place.</summary>
[TestFixture, NonParallelizable, CancelAfter(300_000)]
internal sealed class SharedRootTests : EndToEndFixture
{
    private const int Owner = 54321;
    [TestCase("another_user")]
    [TestCase("read_only_mount")]
    public async Task Layers_of_a_shared_root_are_used_in_place(string kind, CancellationToken ct)
    {
        (Area area, string root) = await SharedAsync(kind, "gzip", ct);
        string image = $"docker://{Testbed.Repository}:gzip";
        int before = Layers().Length;
        string site = Profile(area, root, area.Cache);
        area.Variables["GRIDWRAP_CACHE"] = "";

        Outcome plan = await area.RunAsync(ct, "plan", "--site", site, image);
        Outcome dry = await area.RunAsync(ct, "exec", "--site", site, "--dry-run", "--json", image, "--", "true");
        Outcome run = await area.RunAsync(ct, "exec", "--site", site, image, "--", "/bin/sh", "-c", "cat /data/overwritten; echo x > /tmp/y && cat /tmp/y");
        Outcome pull = await area.RunAsync(ct, "pull", "--site", site, "--json", image);
        string[] fetched = Layers()[before..];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(plan.Stdout, Does.Contain("4 of them in " + root), plan.ToString());
            Assert.That(run.Stdout, Is.EqualTo("new\nx\n"), run.ToString());
            Assert.That(dry.Stdout, Does.Contain($"{root}/store-1/layers/sha256/"), dry.ToString());
            Assert.That(JObject.Parse(pull.Stdout).SelectTokens("image.layers[*].root").Select(r => (string)r!), Is.EqualTo(Enumerable.Repeat(root, 4)), pull.ToString());
            Assert.That(JObject.Parse(pull.Stdout).SelectTokens("image.layers[*].source").Select(r => (string)r!), Is.All.EqualTo("cache"));
            Assert.That(JObject.Parse(pull.Stdout).SelectTokens("image.layers[*].unreadable"), Is.Not.Empty, "the image has files that only their owner may read");
            Assert.That(fetched, Is.Empty);
            Assert.That(Directory.GetDirectories(Path.Combine(area.Cache, "store-1/layers/sha256")), Is.Empty);
        }
    }

    [Test]
    public async Task Packed_layers_of_a_shared_root_are_served_from_it(CancellationToken ct)
    {
        (Area area, string root) = await SharedAsync("another_user", "gzip", ct, "--strategy", "packed");
        int before = Layers().Length;
        string site = Profile(area, root, area.Cache);
        area.Variables["GRIDWRAP_CACHE"] = "";

        Outcome run = await area.RunAsync(ct, "exec", "--site", site, "--strategy", "packed", $"docker://{Testbed.Repository}:gzip", "--", "/bin/cat", "/data/overwritten");
        Outcome pull = await area.RunAsync(ct, "pull", "--site", site, "--strategy", "packed", "--json", $"docker://{Testbed.Repository}:gzip");
        string[] fetched = Layers()[before..];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.Stdout, Is.EqualTo("new\n"), run.ToString());
            Assert.That(JObject.Parse(pull.Stdout).SelectTokens("image.layers[*].root").Select(r => (string)r!), Is.EqualTo(Enumerable.Repeat(root, 4)), pull.ToString());
            Assert.That(JObject.Parse(pull.Stdout).SelectTokens("image.layers[*].packed").Select(p => (bool)p), Is.EqualTo(Enumerable.Repeat(true, 4)));
            Assert.That(fetched, Is.Empty);
            Assert.That(Directory.GetDirectories(Path.Combine(area.Cache, "store-1/packed/sha256")), Is.Empty);
        }
    }

    [Test]
    public async Task What_the_shared_root_lacks_goes_to_the_own_cache(CancellationToken ct)
    {
        (Area area, string root) = await SharedAsync("another_user", "gzip", ct);
        string[] shared = Directory.GetDirectories(root + "/store-1/layers/sha256");
        Directory.Delete(shared[0], recursive: true);
        string site = Profile(area, root, area.Cache);
        area.Variables["GRIDWRAP_CACHE"] = "";

        Outcome run = await area.RunAsync(ct, "exec", "--site", site, $"docker://{Testbed.Repository}:zstd", "--", "/bin/cat", "/data/overwritten");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.Stdout, Is.EqualTo("new\n"), run.ToString());
            Assert.That(Directory.GetDirectories(Path.Combine(area.Cache, "store-1/layers/sha256")).Select(Path.GetFileName), Is.EqualTo(new[] { Path.GetFileName(shared[0]) }));
        }
    }

    [Test]
    public async Task The_cache_command_reads_shared_roots_and_removes_nothing_there(CancellationToken ct)
    {
        (Area area, string root) = await SharedAsync("read_only_mount", "gzip", ct);
        string site = Profile(area, root, area.Cache);
        area.Variables["GRIDWRAP_CACHE"] = "";

        Outcome list = await area.RunAsync(ct, "cache", "list", "--site", site, "--json");
        Outcome usage = await area.RunAsync(ct, "cache", "usage", "--site", site);
        Outcome verify = await area.RunAsync(ct, "cache", "verify", "--site", site, "--remove", "--json");
        Outcome collect = await area.RunAsync(ct, "cache", "gc", "--site", site, "--max-bytes", "0");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(JObject.Parse(list.Stdout).SelectTokens("items[*].sharedRoot").Select(r => (string)r!), Is.EqualTo(Enumerable.Repeat(root, 4)), list.ToString());
            Assert.That(usage.Stdout, Does.Contain(root + ": ").And.Contain("in 4 layers, shared and only read"));
            Assert.That(verify.ExitCode, Is.Zero, verify.ToString());
            Assert.That((int?)JObject.Parse(verify.Stdout)["layers"], Is.EqualTo(4));
            Assert.That((int?)JObject.Parse(verify.Stdout)["bytesRead"], Is.Positive);
            Assert.That(collect.ExitCode, Is.Zero, collect.ToString());
            Assert.That(Directory.GetDirectories(root + "/store-1/layers/sha256"), Has.Length.EqualTo(4));
        }
    }

    /// <summary>Where no root can be written, and nothing else is named, the default place serves.</summary>
    [Test]
    public async Task Without_a_writable_root_the_default_place_is_used(CancellationToken ct)
    {
        (Area area, string root) = await SharedAsync("read_only_mount", "gzip", ct);
        string site = Profile(area, root);
        area.Variables["GRIDWRAP_CACHE"] = "";

        Outcome run = await area.RunAsync(ct, "exec", "--site", site, $"docker://{Testbed.Repository}:gzip", "--", "/bin/cat", "/data/overwritten");
        string own = Path.Combine(area.Temporary, $"gridwrap-{area.Uid}");
        bool there = Directory.Exists(own + "/store-1");
        Directory.Delete(own, recursive: true);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.Stdout, Is.EqualTo("new\n"), run.ToString());
            Assert.That(there, Is.True);
        }
    }

    /// <summary>A root that another user filled, as the admin guide tells it.</summary>
    private async Task<(Area Area, string Root)> SharedAsync(string kind, string tag, CancellationToken ct, params string[] options)
    {
        Area owner = OpenFuse(new Area(Owner));
        Outcome pull = await owner.RunAsync(ct, ["pull", .. options, $"docker://{Testbed.Repository}:{tag}"]);
        Assert.That(pull.ExitCode, Is.Zero, pull.ToString());
        Tool.Run("/bin/chmod", "0755", owner.Cache);
        if (kind == "read_only_mount")
        {
            Mount(owner.Cache, "--bind", owner.Cache);
            Tool.Run("/bin/mount", "-o", "remount,bind,ro", owner.Cache);
        }

        return (Register(OpenFuse(new Area(12345))), owner.Cache);
    }

    private static string Profile(Area area, params string[] roots) =>
        area.Write("site.json", new JObject { ["name"] = "shared", ["cacheRoots"] = new JArray(roots) }.ToString());

    private static string[] Layers() => [.. Testbed.AccessLog().Where(line => line.Contains("GET /v2/", StringComparison.Ordinal) && line.Contains("/blobs/", StringComparison.Ordinal) && !line.Contains(Testbed.ConfigDigest, StringComparison.Ordinal))];
}
