using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Image files, made by the real Apptainer and by mksquashfs: run in each of the three ways, and the same tree as Apptainer shows.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class ImageFileTests : EndToEndFixture
{
    /// <summary>Names, sizes, times, link targets and content; what launchers put in (/etc, /dev, /proc, the job) is left out.</summary>
    private const string Listing =
        "cd / && find bin lib usr opt srv -type d 2>/dev/null | sort; "
        + "find bin lib usr opt srv -type l -exec stat -c '%N' {} + 2>/dev/null | sort; "
        + "find bin lib usr opt srv -type f -exec stat -c '%n %s %Y' {} + 2>/dev/null | sort; "
        + "find bin lib usr opt srv -type f -exec md5sum {} + 2>/dev/null | sort";

    private static string Directory => Path.Combine(Testbed.Base, "image-files");

    private static string Sif => Path.Combine(Directory, "image.sif");

    [OneTimeSetUp]
    public async Task MakeAsync()
    {
        await Tool.RunAsync(Testbed.Script("trixie.sh"));
        System.IO.Directory.CreateDirectory(Directory);
        Tool.Run("/bin/chown", "12345:12345", Directory);
        string tree = Path.Combine(Directory, "tree");
        await Tool.RunAsync("/bin/cp", "-a", Testbed.ReadableTree, tree);

        // Apptainer does not pack a link that leads above the root, nor a directory that its user cannot enter.
        File.Delete(tree + "/links/above-root");
        System.IO.Directory.Delete(tree + "/modes", recursive: true);
        await InTrixieAsync("apptainer", "--silent", "build", Sif, tree);
        foreach (string compression in (string[])["gzip", "xz", "zstd", "lz4", "lzo"])
        {
            await Tool.RunAsync("/usr/bin/mksquashfs", tree, Squashfs(compression), "-comp", compression, "-quiet", "-no-progress", "-all-root");
        }
    }

    [Test]
    public async Task Each_way_shows_what_Apptainer_shows(CancellationToken ct)
    {
        string wanted = await InTrixieAsync("apptainer", "--silent", "exec", Sif, "/bin/sh", "-c", Listing);
        foreach ((string way, Area area, string[] words) in Ways())
        {
            Assert.That(await ChosenWayAsync(area, words, ct), Is.EqualTo(way));
            Outcome outcome = await area.RunAsync(ct, ["exec", .. words, "--", "/bin/sh", "-c", Listing]);
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(outcome.Stdout, Is.EqualTo(wanted), way);
        }
    }

    [TestCase("gzip", "unpacked")]
    [TestCase("xz", "unpacked")]
    [TestCase("zstd", "unpacked")]
    [TestCase("lz4", "mounted")]
    [TestCase("lzo", "mounted")]
    public async Task A_squashfs_of_each_compression_runs(string compression, string way, CancellationToken ct)
    {
        Area area = FuseNode();
        Assert.That(await ChosenWayAsync(area, [Squashfs(compression)], ct), Is.EqualTo(way));
        Outcome outcome = await area.RunAsync(ct, "exec", Squashfs(compression), "--", "/bin/sh", "-c", "echo $0 >made; exit 7", "word");
        Assert.That(outcome.ExitCode, Is.EqualTo(7), outcome.ToString());
        Assert.That(area.ReadText("made"), Is.EqualTo("word\n"));
    }

    [Test]
    public async Task A_job_names_a_file_as_its_container(CancellationToken ct)
    {
        Area area = NewArea();
        TestJob job = new() { Image = Sif, Exec = "echo of a file >out.json" };
        Outcome outcome = await area.RunAsync(ct, "run", "--job", area.Write("job.json", job.Json));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        Assert.That((string?)area.Result["attempts"]!.Single()["strategy"], Is.EqualTo("sif"));
        Assert.That(area.ReadText(TestJob.Lfn), Is.EqualTo("of a file\n"));
    }

    [Test]
    public async Task Killing_gridwrap_leaves_no_mount_and_no_server([Values(true, false)] bool mounted, CancellationToken ct)
    {
        // At any moment: while it unpacks or mounts, and while the payload runs.
        Area area = mounted ? FuseNode() : NewArea();
        string image = mounted ? Squashfs("lzo") : Sif;

        // Some of these die before their first instruction, which removes what the runtime opens for debuggers.
        area.Variables["DOTNET_EnableDiagnostics"] = "0";
        foreach (int milliseconds in (int[])[60, 150, 300, 600])
        {
            using StartedRun run = area.Start(null, "exec", image, "--", "/bin/sh", "-c", "sleep 4711.5");
            await Task.Delay(milliseconds, ct);
            run.Kill();
            _ = await run.EndAsync(ct);
        }

        Outcome next = await area.RunAsync(ct, "exec", image, "--", "/bin/sh", "-c", "echo runs");
        Assert.That((next.ExitCode, next.Stdout), Is.EqualTo((0, "runs\n")), next.ToString());
        Outcome verify = await area.RunAsync(ct, "cache", "verify");
        Assert.That(verify.ExitCode, Is.Zero, verify.ToString());
        await area.RunAsync(ct, "cache", "gc");
    }

    [TestCase(0.5)]
    [TestCase(0.01)]
    public async Task A_file_that_was_cut_is_refused_and_named(double share, CancellationToken ct)
    {
        Area area = NewArea();
        byte[] whole = await File.ReadAllBytesAsync(Sif, ct);
        string cut = Path.Combine(area.Root, "tmp", "cut.sif");
        await File.WriteAllBytesAsync(cut, whole[..(int)(whole.Length * share)], ct);
        Outcome outcome = await area.RunAsync(ct, "exec", cut, "--", "/bin/true");
        File.Delete(cut);
        Assert.That(outcome.ExitCode, Is.Not.Zero.And.Not.EqualTo(70), outcome.ToString());
        Assert.That(outcome.Stderr, Does.Contain("cut.sif").And.Contain("image"), outcome.ToString());
    }

    /// <summary>Cost decides where several would do; lzo is unpacked by nobody here.</summary>
    private IEnumerable<(string Way, Area Area, string[] Words)> Ways()
    {
        yield return ("unpacked", NewArea(), [Sif]);
        yield return ("mounted", FuseNode(), [Squashfs("lzo")]);
        Area trixie = Register(new Area(12345));
        trixie.Entrance = [Testbed.Script("in-trixie.sh"), "--user", "--cd", trixie.JobDirectory, "--"];
        yield return ("handed-over", trixie, ["--launcher", "apptainer", Squashfs("lzo")]);
    }

    private static async Task<string?> ChosenWayAsync(Area area, string[] words, CancellationToken ct)
    {
        Outcome outcome = await area.RunAsync(ct, ["plan", "--json", .. words]);
        JObject plan = JObject.Parse(outcome.Stdout);
        return (string?)(plan["plan"] ?? plan)["chosen"]?["way"];
    }

    private static string Squashfs(string compression) => Path.Combine(Directory, compression + ".sqfs");

    private static Task<string> InTrixieAsync(params string[] command) => Tool.RunAsync(Testbed.Script("in-trixie.sh"), ["--user", "--cd", Directory, "--", .. command]);
}
