using System.Runtime.Versioning;

namespace GridWrapper.SystemTests.Launching;

/// <summary>Where the kernel refuses overlay, layers are put together by fuse-overlayfs: it serves the payload as long as that runs, and is gone with it.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(240_000)]
internal sealed class FuseOverlayTests
{
    private RootlessTestbed _testbed = null!;
    private string _deny = "";

    private string Layers => $"oci:{_testbed.Base}/image/layout:gzip";

    [OneTimeSetUp]
    public async Task SetUpAsync()
    {
        _testbed = await RootlessTestbed.CreateAsync();
        _deny = Path.Combine(_testbed.NewDirectory(), "deny");
        (int code, _, string errors) = await RootlessTestbed.ExecuteAsync(
            ["/usr/bin/gcc", "-std=gnu11", "-O1", "-o", _deny, Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "deny.c")], new RootlessTestbed.Launch());
        Assert.That(code, Is.Zero, errors);
    }

    [OneTimeTearDown]
    public void TearDown() => _testbed?.Dispose();

    [Test]
    public async Task Nothing_inside_can_end_what_serves_the_root()
    {
        (int code, string output, string errors) = await RunAsync("grep -o ' / / ro.* fuse.fuse-overlayfs' /proc/self/mountinfo | head -c 6; echo; cat /proc/[0-9]*/comm | grep -c '^fuse'; kill -9 -1; cat /data/kept; exit 7");
        Assert.That((code, output), Is.EqualTo((7, " / / r\n0\nbase\n")), errors);
        Assert.That(await LeftBehindAsync(), Is.Empty);
    }

    /// <summary>The probe finds that overlay works, and the launch finds that it does not.</summary>
    [TestCase(true, "fuse.fuse-overlayfs"), TestCase(false, "lowerdir=l/0:bottom")]
    public async Task A_stack_that_the_kernel_refuses_although_the_probe_said_otherwise_takes_the_next_rung(bool fuse, string root)
    {
        ImmutableArray<string> words = Words("grep ' / / ' /proc/self/mountinfo; cat /data/kept", rule: "stacks");
        (int code, string output, string errors) = await RootlessTestbed.ExecuteAsync(fuse ? words : words[1..], Launch());
        Assert.That((code, output), Is.EqualTo((0, output)).And.Matches<(int, string)>(r => r.Item2.Contains(root, StringComparison.Ordinal) && r.Item2.EndsWith("base\n", StringComparison.Ordinal)), errors);
    }

    [Test]
    public async Task A_root_may_be_writable_then()
    {
        (int code, string output, string errors) = await RunAsync("echo x >/data/kept && cat /data/kept && rm -r /data && mkdir /data && ls /data | wc -l", "--writable");
        Assert.That((code, output), Is.EqualTo((0, "x\n0\n")), errors);
    }

    [Test]
    public async Task It_ends_with_gridwrap_however_that_ends()
    {
        (int code, _, string errors) = await RootlessTestbed.ExecuteAsync([.. Words("exec sleep 46.46").SelectMany(w => w == _testbed.Program ? (string[])["/usr/bin/timeout", "-s", "KILL", "4", w] : [w])], Launch());
        Assert.That(code, Is.EqualTo(137), errors);
        await _testbed.NothingLeftAsync("sleep 46.46");
        Assert.That(await LeftBehindAsync(), Is.Empty);
    }

    [Test]
    public async Task The_plan_says_so()
    {
        (int code, string output, string errors) = await RootlessTestbed.ExecuteAsync([.. Words("")[..^7], "plan", Layers], Launch());
        Assert.That((code, output), Is.EqualTo((0, output)).And.Matches<(int, string)>(r => r.Item2.Contains("so layers are put together by fuse-overlayfs", StringComparison.Ordinal)), errors);
    }

    private Task<(int Code, string Output, string Errors)> RunAsync(string script, params string[] options) => RootlessTestbed.ExecuteAsync(Words(script, "overlay", options), Launch());

    private RootlessTestbed.Launch Launch() =>
        new() { Directory = _testbed.NewDirectory(), Environment = ImmutableSortedDictionary<string, string>.Empty.Add("GRIDWRAP_CACHE", _testbed.Cache) };

    private ImmutableArray<string> Words(string script, string rule = "overlay", params string[] options)
    {
        string[] user = Environment.UserName == "root" ? ["/usr/bin/setpriv", "--reuid", RootlessTestbed.User, "--regid", RootlessTestbed.User, "--clear-groups", "--"] : [];
        return
        [
            Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "fuse-node.sh"), .. user, _deny, rule, _testbed.Program, "exec", "--quiet", .. options, Layers, "--", "/bin/sh", "-c", script,
        ];
    }

    /// <summary>Servers of a root whose parent has ended.</summary>
    private static async Task<string[]> LeftBehindAsync()
    {
        for (int i = 0; ; i++)
        {
            string[] left = [.. Directory.EnumerateDirectories("/proc").Where(IsOrphan)];
            if (left.Length == 0 || i == 50)
            {
                return left;
            }

            await Task.Delay(100);
        }
    }

    private static bool IsOrphan(string process)
    {
        try
        {
            return char.IsAsciiDigit(process["/proc/".Length]) && File.ReadAllText(process + "/stat").Split(") ") is [var head, var tail] && head.EndsWith("(fuse-overlayfs", StringComparison.Ordinal) && tail.Split(' ')[1] == "1" && File.ReadAllText(process + "/cmdline").Contains("/dev/fd/3", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended
        }
    }
}
