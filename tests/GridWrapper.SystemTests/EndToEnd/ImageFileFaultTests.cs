using GridWrapper.SystemTests.Probing;
using GridWrapper.Tests.Squashfs;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Image files where the disk runs full, where gridwrap is killed at any moment, and on a CVMFS; with the published file.</summary>
[TestFixture, NonParallelizable, CancelAfter(400_000)]
internal sealed class ImageFileFaultTests : EndToEndFixture
{
    private const int Kills = 50;
    private const int Files = 3000;

    private static string Directory => Path.Combine(Testbed.Base, "image-file-faults");

    /// <summary>40 MB that the file keeps in a few kilobytes: its size foretells nothing.</summary>
    private static string Big => Path.Combine(Directory, "big.sif");

    /// <summary>3,000 files, so that unpacking takes a while.</summary>
    private static string Many => Path.Combine(Directory, "many.sif");

    [OneTimeSetUp]
    public async Task MakeAsync()
    {
        await MakeAsync(Big, tree =>
        {
            for (int i = 0; i < 40; i++)
            {
                File.WriteAllText($"{tree}/usr/big{i}", new string('x', 1_000_000));
            }
        });
        await MakeAsync(Many, tree =>
        {
            System.IO.Directory.CreateDirectory(tree + "/usr/many");
            for (int i = 0; i < Files; i++)
            {
                File.WriteAllText($"{tree}/usr/many/{i}", $"file {i}\n");
            }
        });
    }

    [TestCase("size=24m", "bytes")]
    [TestCase("size=200m,nr_inodes=1500", "inodes")]
    public async Task A_disk_that_runs_full_while_unpacking_is_told_and_the_next_run_after_freeing_works(string options, string what, CancellationToken ct)
    {
        Area area = NewArea();
        string image = what == "bytes" ? Big : Many;
        Tool.Run("/bin/mount", "-t", "tmpfs", "-o", $"{options},mode=0700,uid={area.Uid}", "tmpfs", area.Cache);
        try
        {
            Outcome full = await area.RunAsync(ct, "exec", image, "--", "/bin/true");
            string[] left = Entries(area, "tmp");
            string[] layers = Entries(area, "layers/sha256");
            Tool.Run("/bin/mount", "-o", "remount,size=200m,nr_inodes=20000", area.Cache);
            Outcome next = await area.RunAsync(ct, "exec", image, "--", "/bin/sh", "-c", "ls /usr | wc -l");
            Outcome verify = await area.RunAsync(ct, "cache", "verify", "--json");

            using (Assert.EnterMultipleScope())
            {
                Assert.That(full.ExitCode, Is.EqualTo(75), full.ToString());
                Assert.That(full.Stderr, Does.Contain("gridwrap: site: ").And.Contain("pilot=1098").And.Contain("ENOSPC").And.Contain(area.Cache), full.ToString());
                Assert.That(left.Concat(layers), Is.Empty, "half-written");
                Assert.That(next.ExitCode, Is.Zero, next.ToString());
                Assert.That((verify.ExitCode, (int?)JObject.Parse(verify.Stdout)["layers"]), Is.EqualTo((0, 1)), verify.ToString());
            }
        }
        finally
        {
            Tool.Run("/bin/umount", area.Cache);
        }
    }

    [Test]
    public async Task Unpacking_that_is_killed_at_any_moment_leaves_nothing_wrong(CancellationToken ct)
    {
        // Not looked after at the end: a runtime killed in its first milliseconds leaves its own files in TMPDIR, and nobody can prevent that.
        var area = new Area();
        var random = new Random(20261123);
        int begun = 0;
        for (int i = 0; i < Kills; i++)
        {
            using StartedRun run = area.Start(null, "pull", Many);
            await Task.Delay(random.Next(20, 900), ct);
            run.Kill();
            await run.EndAsync(ct);
            begun += Entries(area, "tmp").Length > 0 || Entries(area, "layers/sha256").Length > 0 ? 1 : 0;
            if (i % 10 == 0)
            {
                Outcome meanwhile = await area.RunAsync(ct, "cache", "verify");
                Assert.That(meanwhile.ExitCode, Is.Zero, meanwhile.ToString());
            }

            if (i % 3 == 0 && System.IO.Directory.Exists(Path.Combine(area.Cache, "store-1/layers")))
            {
                // What is complete is not made again; what the killed ones left stays, for the next one to find.
                System.IO.Directory.Delete(Path.Combine(area.Cache, "store-1/layers"), recursive: true);
            }
        }

        Outcome exec = await area.RunAsync(ct, "exec", Many, "--", "/bin/sh", "-c", "cat /usr/many/* | md5sum");
        Outcome verify = await area.RunAsync(ct, "cache", "verify", "--json");
        Outcome collect = await area.RunAsync(ct, "cache", "gc");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(begun, Is.GreaterThan(Kills / 5), "most kills have to hit something");
            Assert.That(exec.Stdout, Is.EqualTo(await Tool.RunAsync("/bin/sh", "-c", $"cd {Directory}/many.tree/usr/many && cat * | md5sum")), exec.ToString());
            Assert.That((verify.ExitCode, (int?)JObject.Parse(verify.Stdout)["layers"]), Is.EqualTo((0, 1)), verify.ToString());
            Assert.That(collect.ExitCode, Is.Zero, collect.ToString());
            Assert.That(Entries(area, "tmp"), Is.Empty);
        }
    }

    /// <summary>A file on a CVMFS is copied by a child that may hang, and unpacked from the copy.</summary>
    [Test]
    public async Task An_image_file_on_CVMFS_runs_and_the_next_run_does_not_read_it_again(CancellationToken ct)
    {
        Area area = NewArea();
        string repository = Path.Combine(area.Root, "source");
        System.IO.Directory.CreateDirectory(repository + "/images");
        File.Copy(Many, repository + "/images/many.sif");
        await Tool.RunAsync("/bin/chmod", "-R", "a+rX", repository);
        string root = Path.Combine(area.Root, "cvmfs");
        string profile = area.Write("site.json", """{ "name": "test", "cvmfs": { "firstTouchSeconds": 2, "stepSeconds": 2 } }""");
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = root;
        string image = root + "/files.example.org/images/many.sif";
        using var mount = new FakeCvmfsMount(repository, root + "/files.example.org", "--fqrn", "files.example.org", "--attribute", "user.revision=7", "--attribute", "user.host=http://127.0.0.1");

        Outcome first = await area.RunAsync(ct, "exec", "--site", profile, image, "--", "/bin/sh", "-c", "ls /usr/many | wc -l");
        Outcome second = await area.RunAsync(ct, "exec", "--site", profile, image, "--", "/bin/sh", "-c", "ls /usr/many | wc -l");
        Outcome list = await area.RunAsync(ct, "cache", "list", "--json");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((first.ExitCode, first.Stdout), Is.EqualTo((0, $"{Files}\n")), first.ToString());
            Assert.That((second.ExitCode, second.Stdout), Is.EqualTo((0, $"{Files}\n")), second.ToString());
            Assert.That(JObject.Parse(list.Stdout)["items"]!.Count(item => (string?)item["kind"] == "layer"), Is.EqualTo(1), list.ToString());
            Assert.That(Entries(area, "tmp"), Is.Empty, "the copy");
        }

        // A client that answers no more is given up; nobody waits for it.
        mount.Stop();
        Outcome silent = await area.RunAsync(ct, "exec", "--site", profile, image, "--", "/bin/true");
        mount.Continue();
        Assert.That(silent.ExitCode, Is.EqualTo(75), silent.ToString());
        Assert.That(silent.Stderr, Does.Contain("gridwrap: site: "));
    }

    private static string[] Entries(Area area, string directory)
    {
        string path = Path.Combine(area.Cache, "store-1", directory);
        return System.IO.Directory.Exists(path) ? System.IO.Directory.GetFileSystemEntries(path) : [];
    }

    private static async Task MakeAsync(string image, Action<string> fill)
    {
        string tree = Path.ChangeExtension(image, ".tree");
        System.IO.Directory.CreateDirectory(Directory);
        await Tool.RunAsync("/bin/cp", "-a", Testbed.ReadableTree, tree);
        fill(tree);
        string squashfs = Path.ChangeExtension(image, ".sqfs");
        await Tool.RunAsync("/usr/bin/mksquashfs", tree, squashfs, "-quiet", "-no-progress", "-all-root");
        await File.WriteAllBytesAsync(image, new SifBuilder().Partition(await File.ReadAllBytesAsync(squashfs)).Build());
    }
}
