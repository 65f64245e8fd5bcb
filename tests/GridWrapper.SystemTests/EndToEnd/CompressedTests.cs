using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Packed layers that are kept as the gzip blobs they came in, by the published file as an ordinary user.</summary>
[TestFixture, NonParallelizable, CancelAfter(200_000)]
internal sealed class CompressedTests : EndToEndFixture
{
    private const string Profile = "kept.json";

    [Test]
    public async Task A_payload_sees_what_it_sees_of_inflated_layers_and_the_next_run_fetches_nothing(CancellationToken ct)
    {
        Area area = Keeping("compressed");
        Outcome inflated = await FuseNode().RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/sh", "-c", ListTree);
        Outcome compressed = await ExecAsync(area, Image("gzip"), ct);
        int before = Blobs();
        Outcome again = await ExecAsync(area, Image("gzip"), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((inflated.ExitCode, compressed.ExitCode, again.ExitCode), Is.EqualTo((0, 0, 0)), compressed.ToString());
            Assert.That(compressed.Stdout, Is.EqualTo(inflated.Stdout).And.Contains("bin/busybox"));
            Assert.That(again.Stdout, Is.EqualTo(inflated.Stdout));
            Assert.That(Blobs(), Is.EqualTo(before));
            Assert.That(Directory.GetFiles(area.Cache, "data", SearchOption.AllDirectories), Is.Empty);
            Assert.That(Directory.GetFiles(area.Cache, "blob", SearchOption.AllDirectories), Is.Not.Empty);
        }
    }

    [Test]
    public async Task A_flipped_byte_is_found_by_verify_and_the_layer_is_fetched_again(CancellationToken ct)
    {
        Area area = Keeping("compressed");
        await ExecAsync(area, Image("gzip"), ct);
        Outcome good = await area.RunAsync(ct, "cache", "verify");
        string blob = Directory.GetFiles(area.Cache, "blob", SearchOption.AllDirectories).MaxBy(path => new FileInfo(path).Length)!;
        byte[] bytes = await File.ReadAllBytesAsync(blob, ct);
        bytes[bytes.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(blob, bytes, ct);
        Outcome bad = await area.RunAsync(ct, "cache", "verify", "--remove");
        Outcome after = await area.RunAsync(ct, "cache", "verify");
        Outcome again = await ExecAsync(area, Image("gzip"), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((good.ExitCode, bad.ExitCode, after.ExitCode, again.ExitCode), Is.EqualTo((0, 75, 0, 0)), bad.ToString() + again);
            Assert.That(bad.Stdout, Does.Contain(Path.GetFileName(Path.GetDirectoryName(blob))!).And.Contain("its blob has the digest").And.Contain("(removed)"));
        }
    }

    [Test]
    public async Task Damage_is_an_error_of_what_lies_there_and_nothing_else(CancellationToken ct)
    {
        Area area = Keeping("compressed");
        await ExecAsync(area, Image("gzip"), ct);
        string blob = Directory.GetFiles(area.Cache, "blob", SearchOption.AllDirectories).MinBy(path => new FileInfo(path).Length)!;
        byte[] bytes = await File.ReadAllBytesAsync(blob, ct);
        bytes.AsSpan(20).Clear();
        await File.WriteAllBytesAsync(blob, bytes, ct);
        Outcome outcome = await ExecAsync(area, Image("gzip"), ct);
        Assert.That((outcome.ExitCode, outcome.Stdout.Contains("  bin/busybox", StringComparison.Ordinal)), Is.EqualTo((0, true)), outcome.ToString());
    }

    [Test]
    public async Task Where_the_inflated_form_does_not_fit_it_is_chosen_and_told(CancellationToken ct)
    {
        Area area = Keeping("auto");
        JObject roomy = await PlanAsync(area, ct);
        long fetched = (long)roomy["cost"]!["bytes"]!;
        MountCache(area, fetched * 5 / 2);
        JObject tight = await PlanAsync(area, ct);
        Outcome run = await ExecAsync(area, Image("gzip"), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)roomy["reason"], Does.Not.Contain("compressed"));
            Assert.That((string?)tight["reason"], Does.Contain("kept compressed").And.Contain("would not fit"), tight.ToString());
            Assert.That((long)tight["cost"]!["diskBytes"]!, Is.LessThan((long)roomy["cost"]!["diskBytes"]! / 2));
            Assert.That((run.ExitCode, run.Stdout.Contains("  bin/busybox", StringComparison.Ordinal)), Is.EqualTo((0, true)), run.ToString());
            Assert.That(Directory.GetFiles(area.Cache, "blob", SearchOption.AllDirectories), Is.Not.Empty);
        }
    }

    [Test]
    public async Task Layers_that_are_not_gzip_stay_inflated(CancellationToken ct)
    {
        Area area = Keeping("compressed");
        Outcome run = await ExecAsync(area, Image("zstd"), ct);
        Assert.That(run.ExitCode, Is.Zero, run.ToString());
        Assert.That(Directory.GetFiles(area.Cache, "blob", SearchOption.AllDirectories), Is.Empty);
        Assert.That(Directory.GetFiles(area.Cache, "data", SearchOption.AllDirectories), Is.Not.Empty);
    }

    [Test]
    public async Task Without_the_node_s_zlib_it_is_refused_by_name_and_what_is_kept_so_is_fetched_again(CancellationToken ct)
    {
        Area area = Keeping("compressed");
        await ExecAsync(area, Image("gzip"), ct);
        int before = Blobs();
        string id = area.Uid.ToString(CultureInfo.InvariantCulture);
        const string Hide = "for f in $(find /usr/lib /usr/lib64 /lib /lib64 -name 'libz.so.1*' -type f 2>/dev/null | sort -u); do mount --bind /dev/null $f; done; exec \"$@\"";
        area.Entrance = [Testbed.Script("fuse-node.sh"), "/bin/sh", "-c", Hide, "hide", "/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"];
        Outcome probe = await area.RunAsync(ct, "probe");
        Outcome refused = await ExecAsync(area, Image("gzip"), ct);
        Outcome inflated = await area.RunAsync(ct, "exec", "--strategy", "packed", Image("gzip"), "--", "/bin/sh", "-c", ListTree);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(probe.Stdout, Does.Match("zlib +absent: .*libz.so.1"), probe.ToString());
            Assert.That((refused.ExitCode, inflated.ExitCode), Is.EqualTo((75, 0)), refused.ToString() + inflated);
            Assert.That(refused.Stderr, Does.Contain("serving.keep is compressed and").And.Contain("libz.so.1").And.Contain("zlib1g"));
            Assert.That(inflated.Stdout, Does.Contain("  bin/busybox"));
            Assert.That(Blobs(), Is.GreaterThan(before));
        }
    }

    /// <summary>A node where everybody may open /dev/fuse, with a profile that says how layers are kept.</summary>
    private Area Keeping(string form)
    {
        Area area = FuseNode();
        area.Write(Profile, $$"""{ "name": "kept", "strategies": ["packed"], "serving": { "keep": "{{form}}" } }""");
        return area;
    }

    private static Task<Outcome> ExecAsync(Area area, string image, CancellationToken ct) =>
        area.RunAsync(ct, "exec", "--site", Path.Combine(area.Root, Profile), "--strategy", "packed", image, "--", "/bin/sh", "-c", ListTree);

    private static async Task<JObject> PlanAsync(Area area, CancellationToken ct)
    {
        Outcome plan = await area.RunAsync(ct, "plan", "--site", Path.Combine(area.Root, Profile), "--json", "--strategy", "packed", Image("gzip"));
        return (JObject)JObject.Parse(plan.Stdout).SelectTokens("plan.candidates[?(@.strategy == 'packed' && @.launcher == 'rootless')]").Single();
    }

    private static int Blobs() => Testbed.AccessLog().Count(line => line.Contains("/blobs/", StringComparison.Ordinal));

    private static string Image(string tag) => $"docker://{Testbed.Repository}:{tag}";
}
