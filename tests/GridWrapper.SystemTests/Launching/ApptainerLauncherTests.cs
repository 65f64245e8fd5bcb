using System.Runtime.Versioning;
using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Linux;

namespace GridWrapper.SystemTests.Launching;

/// <summary>What a payload finds under a real Apptainer as an ordinary user, and how its end comes back.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed class ApptainerLauncherTests
{
    private ApptainerTestbed _testbed = null!;

    [OneTimeSetUp]
    public async Task SetUpAsync() => _testbed = await ApptainerTestbed.CreateAsync();

    [OneTimeTearDown]
    public void TearDown() => _testbed?.Dispose();

    [Test]
    public async Task ThePayloadFindsItsDirectoriesAndAReadOnlyRoot(CancellationToken ct)
    {
        LaunchRequest request = Shell("pwd; id -u; id -g; echo $HOME; touch here /tmp/t /var/tmp/v && ls /tmp | tr '\\n' ' '; ls /ctrdata; touch /x; umask");
        (RunResult result, string output, string errors) = await RunAsync(request with { DataDirectory = "/ctrdata" }, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(output, Is.EqualTo($"/ctrdata\n12345\n12345\n/ctrdata\n{_testbed.Base.Split('/')[2]} t v here\n0022\n"), errors);
            Assert.That(errors, Is.EqualTo("touch: /x: Read-only file system\n"));
            Assert.That(result.ExitCode, Is.Zero);
            Assert.That(File.Exists(Path.Combine(request.JobDirectory, "here")));
            Assert.That(File.Exists(Path.Combine(request.ScratchDirectory, "t")));
        }
    }

    [Test]
    public async Task TheJobDirectoryIsAtItsOwnPathAndHome(CancellationToken ct)
    {
        LaunchRequest request = Shell("pwd; echo $HOME; touch here");
        (_, string output, string errors) = await RunAsync(request, ct);
        Assert.That((output, errors, File.Exists(Path.Combine(request.JobDirectory, "here"))), Is.EqualTo(($"{request.JobDirectory}\n{request.JobDirectory}\n", "", true)));
    }

    [Test]
    public async Task AHomeElsewhereNeedNotExist(CancellationToken ct)
    {
        LaunchRequest request = Shell("echo $HOME; pwd");
        (_, string output, string errors) = await RunAsync(request with { Environment = request.Environment.Add("HOME", "/home/me") }, ct);
        Assert.That((output, errors), Is.EqualTo(($"/home/me\n{request.JobDirectory}\n", "")));
    }

    [Test]
    public async Task VariablesArriveUnchangedAndNoOtherDoes([Values] bool imageHasScripts, CancellationToken ct)
    {
        LaunchRequest request = _testbed.Request("/bin/env", "-0");
        request = request with
        {
            Rootfs = request.Rootfs with { LowerDirectories = [imageHasScripts ? await TreeWithScriptsAsync(ct) : _testbed.Tree], Config = request.Rootfs.Config! with { Env = ["PATH=/opt:/bin:$x", "OF_IMAGE=1 2"] } },
            Environment = request.Environment
                .Add("COMMAS", "a,b=c,,").Add("LINES", "one\ntwo\\nthree\n").Add("QUOTES", "\"a\" 'b' \\\"c\\\" `id` $(id) $HOME ${x} \\\\ \\").Add("EMPTY", "").Add("GLOB", "* ? [a]")
                .Add("UTF8", "Zürich ☃").Add("no.identifier", "x").Add("FROM_SCRIPT", "job"),
        };
        (RunResult result, string output, string errors) = await RunAsync(request, ct);
        Dictionary<string, string> found = output.Split('\0', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=', 2)).ToDictionary(v => v[0], v => v[1]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.ExitCode, errors), Is.EqualTo((0, "")));
            Assert.That(found.OrderBy(v => v.Key, StringComparer.Ordinal), Is.EqualTo(PayloadEnvironment.Create(request)));
        }
    }

    [Test]
    public async Task ArgumentsArriveUnchanged(CancellationToken ct)
    {
        string[] arguments = ["a b", "", "$(id) `id` $HOME", "\"q\" 'q' \\", "line\nline", "*", "-x", "--"];
        (_, string output, _) = await RunAsync(_testbed.Request(["/bin/sh", "-c", "for a; do printf '%s\\0' \"$a\"; done", "sh", .. arguments]), ct);
        Assert.That(output.Split('\0')[..^1], Is.EqualTo(arguments));
    }

    [Test]
    public async Task BindsAreThereWhateverTheirNames(CancellationToken ct)
    {
        string plain = _testbed.NewDirectory("plain");
        string odd = _testbed.NewDirectory("o:d,d \"q\" b\\s");
        LaunchRequest request = Shell("ls /srv/deep/in /odd /o:d,d; touch /srv/deep/in/x /srv/deep/in/below/x");
        request = request with
        {
            Binds = [Bind(odd, "/srv/deep/in/below", readOnly: false), Bind(plain, "/srv/deep/in", readOnly: true), Bind(odd, "/odd", readOnly: true), Bind(plain, "/o:d,d", readOnly: false)],
        };
        await File.WriteAllTextAsync(Path.Combine(plain, "p"), "", ct);
        Directory.CreateDirectory(Path.Combine(plain, "below"));
        (_, string output, string errors) = await RunAsync(request, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(output, Is.EqualTo("/o:d,d:\nbelow\np\n\n/odd:\n\n/srv/deep/in:\nbelow\np\n"));
            Assert.That(errors, Is.EqualTo("touch: /srv/deep/in/x: Read-only file system\n"));
            Assert.That(File.Exists(Path.Combine(odd, "x")));
        }
    }

    [Test]
    public async Task AWritableRootIsForgotten(CancellationToken ct)
    {
        (RunResult result, string output, string errors) = await RunAsync(Shell("echo mine > /data/kept; cat /data/kept") with { Writable = true }, ct);
        Assert.That((result.ExitCode, output, errors, await File.ReadAllTextAsync(Path.Combine(_testbed.Tree, "data/kept"), ct)), Is.EqualTo((0, "mine\n", "", "base\n")));
    }

    [TestCase("exit 0", 0, null)]
    [TestCase("exit 3", 3, null)]
    [TestCase("exit 255", 255, null)]
    [TestCase("echo 'FATAL: mine' >&2; exit 255", 255, null)]
    [TestCase("echo 'FATAL:   container creation failed: mount hook function failure' >&2; exit 255", 255, null)]
    [TestCase("echo 'ERROR  : Failed to create user namespace' >&2; exit 1", 1, null)]
    [TestCase("kill -SEGV $$", 139, null)]
    [TestCase("exec /nowhere", 127, null)]
    public async Task ExitCodesAreThePayloads(string script, int exitCode, string? execErrno, CancellationToken ct)
    {
        (RunResult result, _, _) = await RunAsync(Shell(script), ct);
        Assert.That((result.ExitCode, result.ExecErrno, result.StopReason), Is.EqualTo((exitCode, execErrno, StopReason.None)));
    }

    [TestCase("nosuch", 127, "ENOENT")]
    [TestCase("/bin/nosuch", 127, "ENOENT")]
    [TestCase("/etc/passwd", 126, "EACCES")]
    [TestCase("/data", 126, "EACCES")]
    [TestCase("./script", 127, "ENOENT")]
    public async Task ACommandThatCannotBeExecutedIsAResult(string command, int exitCode, string execErrno, CancellationToken ct)
    {
        LaunchRequest request = _testbed.Request(command);
        string script = Path.Combine(request.JobDirectory, "script");
        await File.WriteAllTextAsync(script, "#!/nosuch/interpreter\n", ct);
        File.SetUnixFileMode(script, (UnixFileMode)0x1ED);
        (RunResult result, _, string errors) = await RunAsync(request, ct);
        Assert.That((result.ExitCode, result.ExecErrno), Is.EqualTo((exitCode, execErrno)), errors);
    }

    [Test]
    public void FailuresOfTheRuntimeAreNamed(CancellationToken ct)
    {
        LaunchRequest good = Shell("true");
        LaunchRequest[] bad =
        [
            good with { Binds = [Bind("/nosuch/source", "/in", readOnly: false)] },
            good with { Rootfs = good.Rootfs with { LowerDirectories = ["/nosuch/tree"] } },
            good with { InitialDirectory = "/nosuch/directory" },
            good with { Plan = good.Plan with { Site = good.Plan.Site with { Apptainer = good.Plan.Site.Apptainer with { Options = ["--nosuchoption"] } } } },
        ];
        IEnumerable<(int PilotErrorCode, Blame Blame, string Step)> failures =
            bad.Select(r => Assert.ThrowsAsync<GridWrapperException>(() => RunAsync(r, ct)).Failure).Select(f => (f.PilotErrorCode, f.Blame, f.Step));
        Assert.That(failures, Is.EqualTo(((int, Blame, string)[])
            [(1308, Blame.Site, "bind"), (1309, Blame.Site, "open-tree"), (1305, Blame.User, "initial-directory"), (1306, Blame.Site, "options")]));
    }

    [Test]
    public async Task SignalsReachEveryProcessOfThePayloadOnce(CancellationToken ct)
    {
        StopSource stop = new();
        LaunchRequest request = Shell("(trap 'echo child usr1' USR1; trap 'echo child term; exit 0' TERM; echo ready; while :; do sleep 0.1; done) & "
            + "trap 'echo usr1' USR1; trap 'echo term; wait; exit 7' TERM; while :; do sleep 0.1; done");
        Task<(RunResult Result, string Output, string Errors)> run = _testbed.RunAsync(request, ApptainerTestbed.Control(stop) with { Grace = TimeSpan.FromSeconds(20) }, ct);
        await UntilWrittenAsync(request, "ready", ct);
        stop.Forward(Libc.SIGUSR1);
        await Task.Delay(500, ct);
        stop.RequestStop(StopReason.Cancelled);
        (RunResult result, string output, _) = await run;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.ExitCode, result.StopReason), Is.EqualTo((7, StopReason.Cancelled)));
            Assert.That(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EquivalentTo((string[])["ready", "usr1", "child usr1", "term", "child term"]));
        }
    }

    [Test]
    public async Task ThePayloadCannotGainPrivilegesAndInheritsNoDescriptor(CancellationToken ct)
    {
        (_, string output, string errors) = await RunAsync(Shell("grep -E '^(NoNewPrivs|CapEff|CapBnd)' /proc/self/status; for f in 3 4 5 6 7 10; do [ -e /proc/self/fd/$f ] && echo $f; done; echo mine >&2"), ct);
        Assert.That((output.Split('\n')[..2], errors), Is.EqualTo(((string[])["CapEff:\t0000000000000000", output.Split('\n')[1]], "mine\n")), output);
        Assert.That(output, Does.Contain("NoNewPrivs:\t1").And.Not.Match("(?m)^[0-9]+$"));
    }

    [Test]
    public async Task TheSignalThatEndedThePayloadIsKnown(CancellationToken ct)
    {
        (RunResult result, _, _) = await RunAsync(Shell("kill -SEGV $$"), ct);
        Assert.That((result.ExitCode, result.Signal), Is.EqualTo((139, (int?)11)));
    }

    [Test]
    public async Task ATimeoutKillsWhatIgnoresTermAndLeavesNothing(CancellationToken ct)
    {
        string mark = Guid.NewGuid().ToString("N");
        LaunchRequest request = Shell($"trap '' TERM; setsid /bin/sh -c 'while :; do sleep 1; done' {mark} & /bin/sh -c 'while :; do sleep 1; done' {mark} & while :; do sleep 1; done");
        (RunResult result, _, _) = await _testbed.RunAsync(request, ApptainerTestbed.Control() with { Timeout = TimeSpan.FromSeconds(2) }, ct);
        Assert.That((result.ExitCode, result.Signal, result.StopReason), Is.EqualTo((137, (int?)9, StopReason.Timeout)));
        while (ProcessEntry.ReadAll().Any(p => Mentions(p.Pid, mark)))
        {
            await Task.Delay(50, ct);
        }
    }

    [Test]
    public async Task APayloadThatOutlastsTheSetUpDeadlineIsNotTakenForAHungSetUp(CancellationToken ct)
    {
        (RunResult result, _, _) = await _testbed.RunAsync(_testbed.Request("/bin/sleep", "4"), ApptainerTestbed.Control() with { SetupDeadline = TimeSpan.FromSeconds(2) }, ct);
        Assert.That((result.ExitCode, result.StopReason), Is.EqualTo((0, StopReason.None)));
    }

    [Test]
    public async Task TimeAndMemoryAreCounted(CancellationToken ct)
    {
        (RunResult result, _, _) = await RunAsync(Shell("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"), ct);
        Assert.That((result.CpuSeconds, result.MaxRssBytes / 1e6), Is.EqualTo((1.0, 50.0)).Using<(double Cpu, double Mb)>((a, b) => a.Cpu is > 0.2 and < 60 && a.Mb is > 1 and < 500));
    }

    private static BindMount Bind(string source, string target, bool readOnly) => new(source, target, readOnly, Optional: false);

    private static bool Mentions(int pid, string mark)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/cmdline").Contains(mark, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It has ended.
            return false;
        }
    }

    private static async Task UntilWrittenAsync(LaunchRequest request, string text, CancellationToken ct)
    {
        string output = request.JobDirectory + ".out";
        while (!File.Exists(output) || !(await File.ReadAllTextAsync(output, ct)).Contains(text, StringComparison.Ordinal))
        {
            await Task.Delay(50, ct);
        }
    }

    private LaunchRequest Shell(string script) => _testbed.Request("/bin/sh", "-c", script);

    private Task<(RunResult Result, string Output, string Errors)> RunAsync(LaunchRequest request, CancellationToken ct) =>
        _testbed.RunAsync(request, ApptainerTestbed.Control(), ct);

    /// <summary>As in CVMFS: the tree carries scripts that set variables, some hard, some only where they are unset.</summary>
    private async Task<string> TreeWithScriptsAsync(CancellationToken ct)
    {
        string tree = Path.Combine(_testbed.Base, "scripted");
        string scripts = Path.Combine(tree, ".singularity.d", "env");
        foreach (string directory in (string[])["bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "var/tmp", ".singularity.d/env"])
        {
            Directory.CreateDirectory(Path.Combine(tree, directory));
        }

        File.Copy(Path.Combine(_testbed.Tree, "bin/busybox"), Path.Combine(tree, "bin/env"));
        File.SetUnixFileMode(Path.Combine(tree, "bin/env"), (UnixFileMode)0x1ED);
        File.Copy(Path.Combine(_testbed.Tree, "etc/passwd"), Path.Combine(tree, "etc/passwd"));
        File.Copy(Path.Combine(_testbed.Tree, "etc/group"), Path.Combine(tree, "etc/group"));
        await File.WriteAllTextAsync(Path.Combine(scripts, "10-docker2singularity.sh"), "export PATH=\"/of/image:/bin\"\nexport FROM_SCRIPT=\"${FROM_SCRIPT:-\"script\"}\"\nexport OF_IMAGE=\"${OF_IMAGE:-\"1 2\"}\"\n", ct);
        await File.WriteAllTextAsync(Path.Combine(scripts, "90-environment.sh"), "#!/bin/sh\n", ct);
        await File.WriteAllTextAsync(Path.Combine(scripts, "99-base.sh"), "LD_LIBRARY_PATH=\"/.singularity.d/libs\"\nexport LD_LIBRARY_PATH\n", ct);
        return tree;
    }
}
