using System.Diagnostics;
using System.Runtime.Versioning;

namespace GridWrapper.SystemTests.Launching;

/// <summary>How a payload's end comes back, and that nothing survives it.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(240_000)]
internal sealed class RootlessEndTests
{
    private RootlessTestbed _testbed = null!;

    [OneTimeSetUp]
    public async Task SetUpAsync() => _testbed = await RootlessTestbed.CreateAsync();

    [OneTimeTearDown]
    public void TearDown() => _testbed?.Dispose();

    [TestCase(0), TestCase(1), TestCase(2), TestCase(64), TestCase(75), TestCase(125), TestCase(126), TestCase(127), TestCase(128), TestCase(137), TestCase(254), TestCase(255)]
    public async Task AnExitCodeIsThePayloads(int code)
    {
        (int actual, string output, string errors) = await _testbed.ShellAsync(string.Create(CultureInfo.InvariantCulture, $"exit {code}"));
        Assert.That((actual, output, errors), Is.EqualTo((code, "", "")));
    }

    [TestCase(1), TestCase(6), TestCase(9), TestCase(11), TestCase(13), TestCase(15), TestCase(40), TestCase(64)]
    public async Task ADeathBySignalIsCountedFrom128(int signal)
    {
        (int actual, _, _) = await _testbed.ShellAsync(string.Create(CultureInfo.InvariantCulture, $"kill -{signal} $$"));
        Assert.That(actual, Is.EqualTo(128 + signal));
    }

    [TestCase("no-such-program", 127)]
    [TestCase("/no/such/program", 127)]
    [TestCase("/etc/passwd", 126)]
    [TestCase("/etc", 126)]
    [TestCase("/etc/passwd/x", 127)]
    [TestCase("/job/interpreter", 127)]
    [TestCase("/job/unknown-format", 126)]
    [TestCase("/job/foreign", 126)]
    public async Task WhatCannotBeExecutedHasItsOwnCodes(string program, int code)
    {
        string directory = _testbed.NewDirectory();
        await _testbed.HostShellAsync("printf '#!/no/such/interpreter\\n' >interpreter; printf 'text' >unknown-format; printf '\\177ELF\\002\\001\\001' >foreign; chmod 755 *", directory);
        using Process process = _testbed.StartExec(_testbed.Image, [program], new RootlessTestbed.Launch(), "--bind", directory + ":/job");
        (int actual, string output, _) = await RootlessTestbed.FinishAsync(process);
        Assert.That((actual, output), Is.EqualTo((code, "")));
    }

    [Test]
    public async Task FiveMegabytesPassBothWaysUnchanged(CancellationToken ct)
    {
        byte[] sent = new byte[5 << 20];
        new Random(1).NextBytes(sent);
        using Process process = _testbed.StartExec(_testbed.Image, ["/bin/cat"], new RootlessTestbed.Launch { KeepInput = true });
        Task<byte[]> received = ReadAllAsync(process.StandardOutput.BaseStream, ct);
        await process.StandardInput.BaseStream.WriteAsync(sent, ct);
        process.StandardInput.Close();
        bool same = (await received).AsSpan().SequenceEqual(sent);
        await process.WaitForExitAsync(ct);
        Assert.That((process.ExitCode, same), Is.EqualTo((0, true)));
    }

    [Test]
    public async Task AQuarterOfAGigabytePassesUnchangedAndIsNotKeptInMemory()
    {
        string script = Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "pipes.sh");
        (int code, string output, string errors) = await RootlessTestbed.ExecuteAsync([script, _testbed.Program, _testbed.Image, "256"], new RootlessTestbed.Launch());
        Assert.That(code, Is.Zero, output + errors);
        Assert.That(output, Does.Contain("exit 0, 268435456 bytes, digests agree"));
        int kilobytes = int.Parse(output.Split(", ")[^1].Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.That(kilobytes, Is.LessThan(64 * 1024), output);
    }

    [Test]
    public async Task OrphansAreReaped()
    {
        (int code, string output, _) = await _testbed.ShellAsync("for i in 1 2 3 4 5; do (/bin/true & ) ; done; sleep 0.5; grep -l 'State:.Z' /proc/[0-9]*/status; exit 4");
        Assert.That((code, output), Is.EqualTo((4, "")));
    }

    [Test]
    public async Task WhatThePayloadLeavesIsEnded()
    {
        Stopwatch watch = Stopwatch.StartNew();
        (int code, _, _) = await _testbed.ShellAsync("trap '' TERM; sleep 4241.5 & setsid sleep 4241.5 >/dev/null 2>&1 & exit 3");
        Assert.That((code, watch.Elapsed < TimeSpan.FromSeconds(30)), Is.EqualTo((3, true)));
        await _testbed.NothingLeftAsync("4241.5");
    }

    [TestCase("TERM", 7), TestCase("INT", 7), TestCase("HUP", 7)]
    public async Task AnEndingSignalReachesThePayloadOnce(string signal, int code)
    {
        using Process process = _testbed.StartExec(_testbed.Image, ["/bin/sh", "-c", $"n=0; trap 'n=$((n+1))' {signal}; echo ready; while [ $n = 0 ]; do sleep 0.05; done; sleep 0.5; echo $n; exit 7"], new RootlessTestbed.Launch());
        Assert.That(await process.StandardOutput.ReadLineAsync(), Is.EqualTo("ready"));
        await SignalAsync(process, signal);
        (int actual, string output, _) = await RootlessTestbed.FinishAsync(process);
        Assert.That((actual, output), Is.EqualTo((code, "1\n")));
    }

    [Test]
    public async Task OtherSignalsAreForwarded()
    {
        using Process process = _testbed.StartExec(_testbed.Image, ["/bin/sh", "-c", "trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.05; done"], new RootlessTestbed.Launch());
        Assert.That(await process.StandardOutput.ReadLineAsync(), Is.EqualTo("ready"));
        await SignalAsync(process, "USR1");
        (int actual, string output, _) = await RootlessTestbed.FinishAsync(process);
        Assert.That((actual, output), Is.EqualTo((5, "usr1\n")));
    }

    [Test]
    public async Task ATimeoutEndsWhatListensToTerm()
    {
        (int code, string output, _) = await _testbed.ShellAsync("trap 'echo term; exit 9' TERM; while :; do sleep 0.05; done", null, null, "--timeout", "1");
        Assert.That((code, output), Is.EqualTo((9, "term\n")));
    }

    [Test]
    public async Task ATimeoutKillsWhatIgnoresTermAfterTheGracePeriod()
    {
        string site = Path.Combine(_testbed.NewDirectory(), "site.json");
        await File.WriteAllTextAsync(site, "{ \"name\": \"test\", \"graceSeconds\": 1 }");
        (int code, _, string errors) = await _testbed.ShellAsync("trap '' TERM; sleep 4242.5 & while :; do sleep 0.05; done", null, null, "--timeout", "1", "--site", site);
        Assert.That(code, Is.EqualTo(137), errors);
        await _testbed.NothingLeftAsync("4242.5");
    }

    [Test]
    public async Task KillingTheProgramKillsTheWholeTree([Values] bool pidNamespace)
    {
        string word = pidNamespace ? "4243.5" : "4243.6";
        RootlessTestbed.Launch launch = new() { Before = pidNamespace ? [] : MaskedProc };
        using Process process = _testbed.StartExec(_testbed.Image, ["/bin/sh", "-c", $"trap '' TERM HUP; setsid sleep {word} & sleep {word} & echo ready; sleep {word}"], launch);
        Assert.That(await process.StandardOutput.ReadLineAsync(), Is.EqualTo("ready"), pidNamespace ? "" : "a /proc with something over it");
        await SignalAsync(process, "KILL");
        await _testbed.NothingLeftAsync(word);
    }

    [Test]
    public async Task AnInterruptAtATerminalIsThePayloadsAndComesOnce()
    {
        string site = Path.Combine(_testbed.NewDirectory(), "site.json");
        await File.WriteAllTextAsync(site, "{ \"name\": \"test\", \"graceSeconds\": 1 }");
        // It lives on for longer than the grace period, as a shell does at ^C.
        using Process process = _testbed.StartAtTerminal(
            _testbed.Image, "trap 'echo interrupted' INT; [ -t 0 ] && echo x >/dev/tty; echo ready; i=0; while [ $i -lt 30 ]; do sleep 0.1; i=$((i+1)); done; exit 5", "--site", site);
        Assert.That(await process.StandardOutput.ReadLineAsync(), Is.EqualTo("x"));
        Assert.That(await process.StandardOutput.ReadLineAsync(), Is.EqualTo("ready"));
        await process.StandardInput.WriteAsync('\x03');
        await process.StandardInput.FlushAsync();
        string rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That((process.ExitCode, rest.Split("interrupted").Length - 1), Is.EqualTo((5, 1)), rest);
    }

    [Test]
    public async Task HundredsOfLaunchesAndKillsLeaveNothing(CancellationToken ct)
    {
        string cache = _testbed.NewDirectory();
        (int code, string output, string errors) = await RootlessTestbed.ExecuteAsync(
            [Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "soak.sh"), "300", "45", "--parallel", "4"],
            new RootlessTestbed.Launch
            {
                Environment = ImmutableSortedDictionary<string, string>.Empty.Add("GRIDWRAP_PROGRAM", _testbed.Program).Add("IMAGE", _testbed.Image).Add("GRIDWRAP_CACHE", cache),
            });
        Assert.That((code, errors), Is.EqualTo((0, "")), output);
        await _testbed.NothingLeftAsync("gridwrap-soak", cache);
        ct.ThrowIfCancellationRequested();
    }

    /// <summary>Where something lies over a part of /proc the kernel allows no fresh one, as in most containers.</summary>
    private static ImmutableArray<string> MaskedProc => ["/usr/bin/unshare", "-rm", "/bin/sh", "-c", "mount -t tmpfs none /proc/sys/net && exec \"$@\"", "sh"];

    private static async Task<byte[]> ReadAllAsync(Stream stream, CancellationToken ct)
    {
        using MemoryStream all = new();
        await stream.CopyToAsync(all, ct);
        return all.ToArray();
    }

    private static async Task SignalAsync(Process process, string signal)
    {
        using Process kill = Process.Start("/bin/kill", ["-" + signal, process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }
}
