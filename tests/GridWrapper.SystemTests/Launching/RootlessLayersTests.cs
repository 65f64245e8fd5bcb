using System.Runtime.Versioning;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Images;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.SystemTests.Launching;

/// <summary>The launcher in this process: many layers, and sources that cannot be had.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(240_000)]
internal sealed class RootlessLayersTests
{
    /// <summary>S_IFIFO, readable and writable by its owner.</summary>
    private const uint Fifo = 0x1180;

    private RootlessTestbed _testbed = null!;

    [OneTimeSetUp]
    public async Task SetUpAsync() => _testbed = await RootlessTestbed.CreateAsync();

    [OneTimeTearDown]
    public void TearDown() => _testbed?.Dispose();

    [TestCase(1), TestCase(40), TestCase(200), TestCase(499)]
    public async Task LayersStack(int count, CancellationToken ct)
    {
        ImmutableArray<string> layers = [.. Enumerable.Range(0, count).Select(i => i == 0 ? _testbed.NewImage() : Layer(i))];
        (RunResult result, string output) = await RunAsync(Request([.. layers.Reverse()], "set -- /layers/*; echo $#; cat /top; grep ' / / ' /proc/self/mountinfo"), ct);
        string[] lines = output.Split('\n');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero);
            Assert.That(lines[0], Is.EqualTo(Math.Max(count - 1, 1).ToString(CultureInfo.InvariantCulture)));
            Assert.That(count == 1 || lines[1] == (count - 1).ToString(CultureInfo.InvariantCulture), lines[1]);
            Assert.That(output.Split("l/").Length - 1, Is.GreaterThanOrEqualTo(count));
        }
    }

    [Test]
    [Tests.Provokes(Diagnostics.PilotError.CommandTimedOut)]
    public async Task ASetUpThatTakesTooLongIsEnded(CancellationToken ct)
    {
        // The helper enters its cgroup first: a FIFO that nobody reads keeps it there.
        string cgroup = Mine();
        using (SafeFileHandle directory = Linux.At.OpenDirectory(cgroup))
        {
            Assert.That(Linux.At.MakeNode(directory, "cgroup.procs"u8, Fifo), Is.Zero);
        }

        RootlessLauncher launcher = new(Mine());
        LaunchSpec spec = launcher.Build(Request([_testbed.NewImage()], "exec sleep 45.45")) with { CgroupDirectory = cgroup };
        RunControl control = new() { Grace = TimeSpan.FromSeconds(1), Stop = new StopSource(), SetupDeadline = TimeSpan.FromMilliseconds(300) };
        Diagnostics.GridWrapperException e = Assert.ThrowsAsync<Diagnostics.GridWrapperException>(() => launcher.RunAsync(spec, control, ct));
        Assert.That((e.Failure.Step, e.Failure.Errno, e.Failure.PilotErrorCode), Is.EqualTo(("set-up", "ETIMEDOUT", Diagnostics.PilotError.CommandTimedOut)));
        await _testbed.NothingLeftAsync("45.45");
    }

    [TestCase("/top", "gone", "EEXIST", "which a layer removes, is there")]
    [TestCase("/nowhere", "size=1", "ENOENT", "/nowhere")]
    [TestCase("/top", "size=7", "EUCLEAN", "another thing")]
    [TestCase("/layers", "size=0", "EUCLEAN", "another thing")]
    [TestCase("/", "write", null, null)]
    [TestCase("/top", "copy-up", null, null)]
    [TestCase("/layers/none", "gone", null, null)]
    public async Task ARootIsTestedBeforeThePayloadStarts(string path, string expectation, string? errno, string? message)
    {
        LaunchRequest request = Request([Layer(1), _testbed.NewImage()], "cat /top") with { Writable = true, Expectations = [new RootExpectation(path, expectation)] };
        if (errno is null)
        {
            Assert.That((await RunAsync(request, CancellationToken.None)).Output, Is.EqualTo("1\n"));
            return;
        }

        Diagnostics.GridWrapperException e = Assert.ThrowsAsync<Diagnostics.GridWrapperException>(() => RunAsync(request, CancellationToken.None));
        Assert.That((e.Failure.Step, e.Failure.Errno, e.Failure.PilotErrorCode), Is.EqualTo((LaunchOperations.Expect, errno, Diagnostics.PilotError.ContainerImageMountFailure)), e.Message);
        Assert.That(e.Message, Does.Contain(message!));
    }

    [Test]
    public void AnImageOnWhoseProcNothingCanBeMountedIsToBlame(CancellationToken ct)
    {
        string image = _testbed.NewImage();
        File.CreateSymbolicLink(Path.Combine(image, "proc"), "proc");
        Diagnostics.GridWrapperException e = Assert.ThrowsAsync<Diagnostics.GridWrapperException>(() => RunAsync(Request([image], "exit 0"), ct));
        Assert.That((e.Failure.Blame, e.Failure.Errno, e.Failure.Retryable), Is.EqualTo((Diagnostics.Blame.Image, "ELOOP", false)), e.Message);
    }

    [Test]
    public void AMissingSourceIsABindFailure(CancellationToken ct)
    {
        LaunchRequest request = Request([_testbed.Image], "exit 0") with { Binds = [new BindMount("/no/such/source", "/x", ReadOnly: false, Optional: false)] };
        Diagnostics.GridWrapperException e = Assert.ThrowsAsync<Diagnostics.GridWrapperException>(() => RunAsync(request, ct));
        Assert.That((e.Failure.PilotErrorCode, e.Failure.Errno, e.Failure.Blame), Is.EqualTo((Diagnostics.PilotError.ContainerBindFailure, "ENOENT", Diagnostics.Blame.Site)));
    }

    [Test]
    public async Task AMissingOptionalSourceIsPassedOver(CancellationToken ct)
    {
        LaunchRequest request = Request([_testbed.Image], "ls /x; exit 3") with { Binds = [new BindMount("/no/such/source", "/x", ReadOnly: true, Optional: true)] };
        Assert.That((await RunAsync(request, ct)).Result.ExitCode, Is.EqualTo(3));
    }

    /// <summary>A directory of this process's own user, who need not be the testbed's.</summary>
    private string Mine() => Directory.CreateDirectory(Path.Combine(_testbed.Base, "mine-" + Guid.NewGuid().ToString("N"))).FullName;

    private string Layer(int number)
    {
        string path = Mine();
        Directory.CreateDirectory(Path.Combine(path, "layers"));
        File.WriteAllText(Path.Combine(path, "layers", number.ToString(CultureInfo.InvariantCulture)), "");
        File.WriteAllText(Path.Combine(path, "top"), string.Create(CultureInfo.InvariantCulture, $"{number}\n"));
        return path;
    }

    private LaunchRequest Request(ImmutableArray<string> layers, string script) => new()
    {
        Rootfs = new Rootfs { Strategy = "directory", LowerDirectories = layers, Config = new ImageConfig { Platform = new Platform("linux", "amd64") } },
        Plan = new PlanInput
        {
            Site = new SiteProfile { Name = "test" },
            Host = new HostFacts
            {
                Node = new NodeFacts
                {
                    HostName = "", OperatingSystem = "", Kernel = "", Architecture = "amd64", CpuLevel = "", CpuModel = "", Cores = 1, MemoryBytes = 0,
                    Uid = Linux.Libc.GetUid(), Gid = Linux.Libc.GetGid(),
                },
            },
            Image = new ImageFacts { Reference = new ImageReference.AtPath("/image") },
            CacheDirectory = _testbed.Cache,
        },
        Command = ["/bin/sh", "-c", script],
        JobDirectory = Mine(),
        ScratchDirectory = Mine(),
    };

    private async Task<(RunResult Result, string Output)> RunAsync(LaunchRequest request, CancellationToken ct)
    {
        string output = request.JobDirectory + ".out";
        using SafeFileHandle stdout = File.OpenHandle(output, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        RootlessLauncher launcher = new(Mine());
        RunControl control = new() { Grace = TimeSpan.FromSeconds(1), Stop = new StopSource(), StandardOutput = stdout };
        RunResult result = await launcher.RunAsync(launcher.Build(request), control, ct);
        return (result, await File.ReadAllTextAsync(output, ct));
    }
}
