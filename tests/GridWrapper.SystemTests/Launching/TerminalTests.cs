using System.Diagnostics;
using System.Runtime.Versioning;

namespace GridWrapper.SystemTests.Launching;

/// <summary>What a payload finds that is started at a terminal, and how that terminal is left. script(1) makes the terminal; what is written to the process is typed there.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
internal sealed class TerminalTests
{
    private RootlessTestbed _testbed = null!;

    [OneTimeSetUp]
    public async Task SetUpAsync() => _testbed = await RootlessTestbed.CreateAsync();

    [OneTimeTearDown]
    public void TearDown() => _testbed?.Dispose();

    [Test]
    public async Task AShellHasJobControl()
    {
        using Process process = AtTerminal($"{Program} shell --env 'PS1=here> ' {_testbed.Image}");
        await TypeAfterAsync(process, "here> ", "tty; sleep 4811.5\n");
        await UntilAsync(process, "/dev/console");
        await UntilAsync(process, () => RootlessTestbed.IsRunning("4811.5"));
        await TypeAsync(process, "\x1a");
        await UntilAsync(process, "Stopped");
        await TypeAfterAsync(process, "sleep 4811.5", "fg\n");
        await TypeAfterAsync(process, "sleep 4811.5", "\x03");
        await TypeAfterAsync(process, "here> ", "exit 7\n");
        string rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.EqualTo(7), rest);
        Assert.That(rest, Does.Not.Contain("job control"));
        await _testbed.NothingLeftAsync("4811.5");
    }

    [Test]
    public async Task TheWindowsSizeIsThePayloadsAndFollows()
    {
        string change = "PS1=; trap 'stty size; exit 3' WINCH; stty size; while :; do sleep 0.1; done";
        using Process process = AtTerminal($"tty; stty rows 31 cols 71; exec {Program} exec {_testbed.Image} -- /bin/sh -c '{change.Replace("'", "'\\''", StringComparison.Ordinal)}'");
        string terminal = (await process.StandardOutput.ReadLineAsync())!.Trim();
        await UntilAsync(process, "31 71");
        using Process resize = Process.Start("/bin/stty", ["-F", terminal, "rows", "43", "cols", "97"]);
        await resize.WaitForExitAsync();
        string rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That((process.ExitCode, rest.Trim()), Is.EqualTo((3, "43 97")));
    }

    [TestCase("exit 0", "")]
    [TestCase("stty raw -echo; kill -SEGV $$", "")]
    [TestCase("sleep 4812.5", "TERM")]
    public async Task TheTerminalIsLeftAsItWas(string script, string signal)
    {
        string kill = signal.Length == 0 ? "" : $"(while ! pgrep -f '^sleep [4]812' >/dev/null; do sleep 0.1; done; pkill -{signal} -f '^{Program} exec.*[4]812.5') & ";
        using Process process = AtTerminal($"{kill}stty -g; {Program} exec {_testbed.Image} -- /bin/sh -c '{script}'; echo; stty -g");
        string[] lines = (await process.StandardOutput.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        await process.WaitForExitAsync();
        Assert.That(lines[^1], Is.EqualTo(lines[0]), string.Join('\n', lines));
    }

    [Test]
    public async Task PipesStayPipes()
    {
        using Process process = AtTerminal(
            $"echo x | {Program} exec {_testbed.Image} -- /bin/sh -c 'read x; [ -t 0 ] && echo in; [ -t 1 ] && echo out; echo $x'; {Program} exec {_testbed.Image} -- /bin/sh -c '[ -t 1 ] || printf \"a\\nb\\n\"' | od -An -c");
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(output.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), Is.EqualTo((string[])["out", "x", "a  \\n   b  \\n"]));
    }

    [TestCase(""), TestCase(" | cat")]
    public async Task ThePayloadCannotTypeIntoTheCallersTerminal(string tail)
    {
        string image = _testbed.NewImage();
        string source = Path.Combine(image, "type.c");
        await File.WriteAllTextAsync(
            source,
            "#include <sys/ioctl.h>\n#include <unistd.h>\nint main(void) { for (const char *s = \"echo typed-in\\n\"; *s; s++) ioctl(0, TIOCSTI, s); return write(1, \"tried\\n\", 6) != 6; }\n");
        (int code, _, string errors) = await RootlessTestbed.ExecuteAsync(["/usr/bin/musl-gcc", "-static", "-o", Path.Combine(image, "type"), source], new RootlessTestbed.Launch());
        Assert.That(code, Is.Zero, errors);
        using Process process = AtTerminal($"{Program} exec {image} -- /type{tail}; read -t 2 line; echo \"got:$line:\"", "/bin/bash");
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(output, Does.Contain("tried").And.Contain("got::"));
    }

    [Test]
    public async Task WhatIsTypedReachesThePayloadAndItsEndOfFile()
    {
        using Process process = AtTerminal($"{Program} exec {_testbed.Image} -- /bin/sh -c 'echo ready; cat; echo end'");
        await TypeAfterAsync(process, "ready", "line\n");
        await UntilAsync(process, "line");
        await TypeAfterAsync(process, "line", "\x04");
        string rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That((process.ExitCode, rest.Trim()), Is.EqualTo((0, "end")));
    }

    [Test]
    public async Task ABashOfTheImageIsPreferred()
    {
        string image = _testbed.NewImage();
        string bash = Path.Combine(image, "bin", "bash");
        await File.WriteAllTextAsync(bash, "#!/bin/sh\necho bash of the image, $SHELL\n");
        File.SetUnixFileMode(bash, (UnixFileMode)0x1ED);
        using Process process = _testbed.Start(["shell", image], new RootlessTestbed.Launch());
        (int code, string output, string errors) = await RootlessTestbed.FinishAsync(process);
        Assert.That((code, output), Is.EqualTo((0, "bash of the image, /bin/bash\n")), errors);
    }

    private string Program => _testbed.Program;

    private Process AtTerminal(string line, string shell = "/bin/sh") => _testbed.StartLineAtTerminal(line, shell);

    private static async Task TypeAsync(Process process, string text)
    {
        await process.StandardInput.WriteAsync(text);
        await process.StandardInput.FlushAsync();
    }

    private static async Task TypeAfterAsync(Process process, string seen, string text)
    {
        await UntilAsync(process, seen);
        await TypeAsync(process, text);
    }

    private static async Task UntilAsync(Process process, string text)
    {
        StringBuilder seen = new();
        char[] one = new char[1];
        while (!seen.ToString().Contains(text, StringComparison.Ordinal))
        {
            Assert.That(await process.StandardOutput.ReadAsync(one), Is.EqualTo(1), $"waiting for {text}: {seen}");
            seen.Append(one[0]);
        }
    }

    private static async Task UntilAsync(Process process, Func<bool> condition)
    {
        while (!condition())
        {
            Assert.That(process.HasExited, Is.False);
            await Task.Delay(50);
        }
    }
}
