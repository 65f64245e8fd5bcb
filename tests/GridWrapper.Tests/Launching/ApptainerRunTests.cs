using System.Diagnostics;
using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Tests.Launching;

/// <summary>The supervision of a runtime process, with a shell script in the runtime's place.</summary>
[TestFixture, Parallelizable(ParallelScope.All), CancelAfter(30_000), FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class ApptainerRunTests : IDisposable
{
    private readonly StopSource _stop = new();
    private readonly string _directory = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "run-" + Guid.NewGuid().ToString("N"))).FullName;
    private readonly SafeFileHandle _stdout;
    private readonly SafeFileHandle _stderr;

    public ApptainerRunTests()
    {
        _stdout = File.OpenHandle(Path.Combine(_directory, "out"), FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        _stderr = File.OpenHandle(Path.Combine(_directory, "err"), FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
    }

    private string Output => File.ReadAllText(Path.Combine(_directory, "out"));

    private string Errors => File.ReadAllText(Path.Combine(_directory, "err"));

    public void Dispose()
    {
        _stdout.Dispose();
        _stderr.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task EnvironmentDirectoryAndStreamsAreThoseOfTheSpec(CancellationToken ct)
    {
        RunResult result = await RunAsync("pwd; echo $A; env | grep -c GRIDWRAP_TEST; echo warn >&2; exit 255", ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.ExitCode, result.Signal, result.ExecErrno, result.StopReason), Is.EqualTo((255, (int?)null, (string?)null, StopReason.None)));
            Assert.That(Output, Is.EqualTo($"{_directory}\na b\n0\n"));
            Assert.That(Errors, Is.EqualTo("warn\n"));
        }
    }

    [Test]
    public async Task ASignalIsCountedIn(CancellationToken ct)
    {
        RunResult result = await RunAsync("kill -SEGV $$", ct);
        Assert.That((result.ExitCode, result.Signal), Is.EqualTo((139, (int?)11)));
    }

    [Test]
    public async Task AFatalMessageOfTheRuntimeIsAFailureAndStaysVisible(CancellationToken ct)
    {
        const string Message = "FATAL:   container creation failed: mount hook function failure: mount /a->/b error: mount source /a doesn't exist";
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => RunAsync($"echo \"{Message}\" >&2; exit 255", ct));
        await Task.CompletedTask;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((e.Failure.Blame, e.Failure.Phase, e.Failure.PilotErrorCode, e.Failure.ExitCode), Is.EqualTo((Blame.Site, Phase.Launch, 1308, 75)));
            Assert.That(Errors, Is.EqualTo(Message + "\n"));
        }
    }

    [Test]
    public async Task AMissingCommandIsAResult(CancellationToken ct)
    {
        RunResult result = await RunAsync("echo 'FATAL:   \"x\": executable file not found in $PATH' >&2; exit 255", ct);
        Assert.That((result.ExitCode, result.ExecErrno), Is.EqualTo((127, "ENOENT")));
    }

    [Test]
    public async Task AFatalWordAfterMuchOutputIsThePayloads(CancellationToken ct)
    {
        RunResult result = await RunAsync("i=0; while [ $i -lt 4000 ]; do echo 'INFO:    a line of the payload' >&2; i=$((i+1)); done; echo 'FATAL:   x' >&2; exit 255", ct);
        Assert.That((result.ExitCode, Errors.Length), Is.EqualTo((255, (4000 * 31) + 11)));
    }

    [Test]
    public async Task TermIsForwardedOnceAndThePayloadMayEndByItself(CancellationToken ct)
    {
        Task<RunResult> run = RunAsync("trap 'echo term; exit 7' TERM; echo ready; while :; do sleep 0.05; done", ct);
        await UntilAsync(() => Output.Contains("ready", StringComparison.Ordinal), ct);
        _stop.RequestStop(StopReason.Cancelled);
        RunResult result = await run;
        Assert.That((result.ExitCode, result.StopReason, Output), Is.EqualTo((7, StopReason.Cancelled, "ready\nterm\n")));
    }

    [Test]
    public async Task OtherSignalsDoNotEndIt(CancellationToken ct)
    {
        Task<RunResult> run = RunAsync("trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.05; done", ct);
        await UntilAsync(() => Output.Contains("ready", StringComparison.Ordinal), ct);
        _stop.Forward(Libc.SIGUSR1);
        RunResult result = await run;
        Assert.That((result.ExitCode, result.StopReason), Is.EqualTo((5, StopReason.None)));
    }

    [Test]
    public async Task ATimeoutEndsInKillForThoseWhoIgnoreTermAndNothingIsLeft(CancellationToken ct)
    {
        RunResult result = await RunAsync("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.05; done", ct, timeout: TimeSpan.FromSeconds(0.5));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.ExitCode, result.Signal, result.StopReason), Is.EqualTo((137, (int?)9, StopReason.Timeout)));
            Assert.That(result.WallSeconds, Is.InRange(0.9, 10));
        }

        await UntilAsync(() => !IsRunning(Output.Trim()), ct);
    }

    [Test]
    public async Task WhatThePayloadLeavesInItsGroupIsKilled(CancellationToken ct)
    {
        RunResult result = await RunAsync("sleep 1000 & echo $!", ct);
        Assert.That(result.ExitCode, Is.Zero);
        await UntilAsync(() => !IsRunning(Output.Trim()), ct);
    }

    [Test]
    public async Task CancellationStopsIt(CancellationToken ct)
    {
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(ct);
        Task<RunResult> run = RunAsync("echo ready; exec sleep 1000", cancel.Token);
        await UntilAsync(() => Output.Contains("ready", StringComparison.Ordinal), ct);
        await cancel.CancelAsync();
        RunResult result = await run;
        Assert.That((result.ExitCode, result.Signal, result.StopReason), Is.EqualTo((143, (int?)15, StopReason.Cancelled)));
    }

    [Test]
    public void ASetUpThatHangsIsAFailure(CancellationToken ct)
    {
        long began = Stopwatch.GetTimestamp();
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => RunAsync("exec sleep 1000", ct, setup: TimeSpan.FromSeconds(0.3)));
        Assert.That((e.Failure.Step, e.Failure.Errno, Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(10)), Is.EqualTo(("set-up", "ETIMEDOUT", true)));
    }

    [Test]
    [Provokes(PilotError.ApptainerNotInstalled)]
    public void ARuntimeThatIsGoneIsAFailure(CancellationToken ct)
    {
        LaunchSpec spec = Spec("") with { Argv = ["/nonexistent/apptainer", "exec"] };
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => new ApptainerLauncher("/cache").RunAsync(spec, Control(null, null), ct));
        Assert.That((e.Failure.PilotErrorCode, e.Failure.Errno), Is.EqualTo((1372, "ENOENT")));
    }

    private static bool IsRunning(string pid) => File.Exists($"/proc/{pid}/stat") && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);

    private static async Task UntilAsync(Func<bool> condition, CancellationToken ct)
    {
        while (!condition())
        {
            await Task.Delay(20, ct);
        }
    }

    private LaunchSpec Spec(string script) => new()
    {
        Launcher = "apptainer",
        Argv = ["/bin/sh", "-c", script],
        Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/usr/bin:/bin").Add("A", "a b"),
        WorkingDirectory = _directory,
    };

    private RunControl Control(TimeSpan? timeout, TimeSpan? setup) => new()
    {
        Grace = TimeSpan.FromSeconds(0.5),
        Timeout = timeout,
        SetupDeadline = setup ?? TimeSpan.FromMinutes(1),
        Stop = _stop,
        StandardOutput = _stdout,
        StandardError = _stderr,
    };

    private Task<RunResult> RunAsync(string script, CancellationToken ct, TimeSpan? timeout = null, TimeSpan? setup = null) =>
        new ApptainerLauncher("/cache").RunAsync(Spec(script), Control(timeout, setup), ct);
}
