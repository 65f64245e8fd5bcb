using System.Diagnostics;
using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using GridWrapper.SystemTests.Launching;

namespace GridWrapper.SystemTests.Serving;

/// <summary>A tree in memory, served by the real kernel to real programs. GRIDWRAP_SERVING_MOUNTS sets another number of launches than the usual one for what may leak.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(240_000)]
internal sealed class ServingTests
{
    private const int UsualMounts = 60;
    private ServingBed _bed = null!;

    [OneTimeSetUp]
    public async Task SetUpAsync() => _bed = await ServingBed.CreateAsync();

    [OneTimeTearDown]
    public void TearDown() => _bed?.Dispose();

    [Test]
    public async Task The_payload_sees_the_table()
    {
        (int code, string output, _, string errors) = await _bed.ShellAsync("ulimit -s unlimited; $JOB/treelist /tree");
        Assert.That(code, Is.Zero, errors);
        Assert.That(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(Listing.Of(new TestTree().Table, "tree")));
    }

    [TestCase("reads /tree/big 7 2000", Description = "at any place, by read and by mmap")]
    [TestCase("many /tree/big 7 200", Description = "16 processes at once")]
    [TestCase("writes /write", Description = "everything that changes something is refused")]
    [TestCase("interrupt /faults/stubborn", Description = "a read that waits, and a signal")]
    [TestCase("kill /faults/never", Description = "a read that waits, and KILL")]
    public async Task A_payload_finds_nothing_wrong(string words)
    {
        (int code, string output, string served, string errors) = await _bed.ShellAsync("$JOB/serving-check " + words);
        Assert.That((code, output), Is.EqualTo((0, "ok\n")), served + errors);
    }

    [Test]
    public async Task A_name_that_is_not_there_is_asked_for_once()
    {
        (int code, string output, string served, string errors) = await _bed.ShellAsync("$JOB/serving-check misses /tree/dir03 10000");
        Assert.That((code, output), Is.EqualTo((0, "ok\n")), errors);
        Assert.That(Figure(served, "lookup"), Is.LessThan(60));
    }

    [Test]
    public async Task Opening_is_asked_about_once()
    {
        (int code, string output, string served, string errors) = await _bed.ShellAsync("cat /flat/1? /flat/2? | wc -c; ls /flat | wc -l");
        Assert.That((code, output), Is.EqualTo((0, "81920\n2000\n")), errors);
        Assert.That((Figure(served, "open"), Figure(served, "opendir"), Figure(served, "touched")), Is.EqualTo((1, 1, 21)));
    }

    [Test]
    public async Task Links_and_attributes_are_those_of_the_table()
    {
        (int code, string output, _, string errors) = await _bed.ShellAsync("cd /tree; stat -c '%h %u %g' one-name links/third-name dir00; ls absolute | wc -l; cat up | wc -c; stat -c %F pipe; cat -- -rf | wc -c; readlink long | wc -c");
        string id = ServingBed.IsRoot ? RootlessTestbed.User : errors;
        Assert.That((code, output), Is.EqualTo((0, $"3 {id} {id}\n3 {id} {id}\n1 {id} {id}\n45\n1361\nfifo\n11\n4001\n")), errors);
    }

    [Test]
    public async Task A_read_that_fails_is_that_read_alone()
    {
        (int code, string output, _, string errors) = await _bed.ShellAsync("for f in eio throws nobody; do cat /faults/$f; echo $?; done; cat /flat/7 | wc -c");
        Assert.That((code, output), Is.EqualTo((0, "1\n1\n1\n4096\n")), errors);
        Assert.That(errors.Split("Input/output error"), Has.Length.EqualTo(4));
    }

    [TestCase("slow", Description = "a source that says that it would wait")]
    [TestCase("held", Description = "one that does not, as a disk")]
    public async Task A_read_that_waits_holds_nobody_else_up(string file)
    {
        (int code, string output, _, string errors) = await _bed.ShellAsync($"cat /faults/{file} | wc -c >/tmp/waited & cat /flat/5 /flat/6 | wc -c; ls /tree/dir07 | wc -l; test -s /tmp/waited && echo late || echo early; wait; cat /tmp/waited");
        Assert.That((code, output), Is.EqualTo((0, "8192\n45\nearly\n9000\n")), errors);
    }

    [Test]
    public async Task A_root_may_be_writable()
    {
        (int code, string output, _, string errors) = await _bed.ShellAsync(
            "echo x >/tree/new && cat /tree/new; echo y >>/tree/dir01/file-3; cat /tree/dir01/file-3 | wc -c; mv /tree/dir04 /tree/moved; ls /tree/moved | wc -l; rm -r /tree/dir05 && mkdir /tree/dir05 && ls /tree/dir05 | wc -l; rm /tree/one-name; cat /tree/another-name | wc -c", "rw");
        Assert.That((code, output), Is.EqualTo((0, "x\n5062\n45\n0\n4097\n")), errors);
    }

    [Test]
    public async Task The_payload_gets_neither_the_device_nor_the_socket()
    {
        (int code, string output, _, string errors) = await _bed.ShellAsync("ls -l /proc/*/fd 2>/dev/null | grep -c 'fuse\\|socket'; cat /proc/self/mountinfo | grep -c ' / / ro.* fuse.gridwrap'");
        Assert.That((code, output), Is.EqualTo((0, "0\n1\n")), errors);
    }

    [Test]
    public async Task Mount_points_are_made_where_the_image_has_none()
    {
        (int code, string output, _, string errors) = await _bed.ShellAsync("ls -d /proc/1 /sys/kernel /dev/null /tmp /var/tmp /other/var/tmp; head -n 1 /etc/passwd | grep -c :x:; touch /tmp/a /var/tmp/b && ls /var/tmp/a /tmp/b; grep -c ' tmpfs .*/etc' /proc/self/mountinfo");
        Assert.That(output, Is.EqualTo("/dev/null\n/other/var/tmp\n/proc/1\n/sys/kernel\n/tmp\n/var/tmp\n1\n/tmp/b\n/var/tmp/a\n0\n"), errors);
        Assert.That(code, Is.EqualTo(1));
    }

    [Test]
    public async Task A_payload_that_is_killed_is_a_clean_end()
    {
        (int code, _, string served, string errors) = await _bed.ShellAsync("cat /tree/big >/dev/null & kill -9 $$");
        Assert.That((code, served), Is.EqualTo((137, served)).And.Matches<(int, string)>(r => r.Item2.StartsWith("served ", StringComparison.Ordinal)), errors);
        await _bed.NothingLeftAsync();
    }

    [Test]
    public async Task It_ends_with_gridwrap_however_that_ends(CancellationToken ct)
    {
        string job = _bed.NewJob();
        ImmutableArray<string> words = _bed.Words(job, 1, "ro", "/bin/sh", "-c", $"cat /faults/never & echo up >{job}/up; exec sleep 1000");
        using Process process = Process.Start(new ProcessStartInfo(words[0], words.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        while (!File.Exists(Path.Combine(job, "up")))
        {
            Assert.That(process.HasExited, Is.False);
            await Task.Delay(20, ct);
        }

        process.Kill();
        await process.WaitForExitAsync(ct);
        await _bed.NothingLeftAsync();
    }

    [Test]
    public async Task A_mount_that_is_refused_is_the_sites_and_another_way_may_be_tried()
    {
        if (!ServingBed.IsRoot)
        {
            Assert.Ignore("another /dev/fuse can be laid over the node's by root only");
        }

        string job = _bed.NewJob();
        ImmutableArray<string> words = ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", "mount --bind /dev/null /dev/fuse && exec \"$@\"", "inside", .. _bed.UserWords(job, 1, "ro", "/bin/true")];
        (_, string output, string errors) = await RootlessTestbed.ExecuteAsync(words, new RootlessTestbed.Launch());
        Assert.That(output, Does.StartWith("failed Launch serve EINVAL Site retryable=True"), errors);
        await _bed.NothingLeftAsync();
    }

    [Test]
    public async Task Nothing_leaks()
    {
        int mounts = int.TryParse(Environment.GetEnvironmentVariable("GRIDWRAP_SERVING_MOUNTS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : UsualMounts;
        (int code, _, string served, string errors) = await _bed.ShellAsync("cat /flat/1 >/dev/null", times: mounts);
        Match state = Regex.Match(served, @"before\[heap=(\d+) fds=(\d+) threads=(\d+) .*after\[heap=(\d+) fds=(\d+) threads=(\d+)");
        Assert.That((code, state.Success), Is.EqualTo((0, true)), served + errors);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(state.Groups[5].Value, Is.EqualTo(state.Groups[2].Value), "descriptors");
            Assert.That(int.Parse(state.Groups[6].Value, CultureInfo.InvariantCulture), Is.LessThanOrEqualTo(int.Parse(state.Groups[3].Value, CultureInfo.InvariantCulture) + 2), "threads");
            Assert.That(long.Parse(state.Groups[4].Value, CultureInfo.InvariantCulture), Is.LessThan(long.Parse(state.Groups[1].Value, CultureInfo.InvariantCulture) + 1_000_000), "memory that the program holds");
        }
    }

    private static int Figure(string served, string name) => int.Parse(Regex.Match(served, $@"\b{name}=(\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
}
