using GridWrapper.Reporting;

namespace GridWrapper.Tests.Reporting;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class DebugCommandTests
{
    [TestCase("tail payload.stdout", "tail|payload.stdout|")]
    [TestCase("tail -n 20 sub/log", "tail -n 20|sub/log|")]
    [TestCase("tail -50 log", "tail -50|log|")]
    [TestCase("ls", "ls||")]
    [TestCase("ls -lR .", "ls -lR|.|")]
    [TestCase("ps aux", "ps aux||")]
    [TestCase("ps -ef", "ps -ef||")]
    [TestCase("du -sh", "du -sh||")]
    [TestCase("du --max-depth=1 workDir", "du --max-depth=1|workDir|")]
    [TestCase("tail", "||'tail' needs the name of a file")]
    [TestCase("tail -f log", "||'tail' is done, but not with '-f'")]
    [TestCase("tail --follow log", "||'tail' is done, but not with '--follow'")]
    [TestCase("tail /tmp/x509up_u1000", "||'/tmp/x509up_u1000' is not below the job directory")]
    [TestCase("tail ../../other", "||'../../other' is not below the job directory")]
    [TestCase("ls a b", "||'ls' is done with one file at a time")]
    [TestCase("ls; rm -rf x", "||only tail, ls, ps and du are done, not 'ls; rm -rf x'")]
    [TestCase("ls `id`", "ls|`id`|")]
    [TestCase("ls a;id", "ls|a;id|")]
    [TestCase("du --files0-from=/etc/passwd", "||'du' is done, but not with '--files0-from=/etc/passwd'")]
    [TestCase("ps auxe", "||'ps' is done, but not with 'auxe'")]
    [TestCase("ps -o environ", "||'ps' is done, but not with '-o'")]
    [TestCase("gdb --pid 1", "||only tail, ls, ps and du are done, not 'gdb --pid 1'")]
    [TestCase("tail 'unclosed", "||only tail, ls, ps and du are done, not 'tail 'unclosed'")]
    public void What_is_done_and_what_is_refused(string text, string expected)
    {
        _ = DebugCommand.TryParse(text, out DebugCommand? command, out string error);
        string head = command is null ? "" : string.Join(' ', command.Options.Prepend(command.Program));
        Assert.That($"{head}|{command?.File}|{error}", Is.EqualTo(expected));
    }

    [TestCase("ls payload.stdout", "payload.stdout\n")]
    [TestCase("tail -n 1 payload.stdout", "two\n")]
    [TestCase("tail -n 1 deep.log", "deep\n")]
    [TestCase("tail user_proxy", "tail: user_proxy: there is no such file in the job directory")]
    [TestCase("tail link", "tail: link: there is no such file in the job directory")]
    [TestCase("tail out/deep.log", "tail: out/deep.log: there is no such file in the job directory")]
    [TestCase("tail nothing", "tail: nothing: there is no such file in the job directory")]
    [TestCase("ls $HOME", "ls: $HOME: there is no such file in the job directory")]
    public async Task They_show_the_job_directory_and_nothing_else(string text, string expected, CancellationToken ct)
    {
        string directory = Path.Combine(TestContext.CurrentContext.WorkDirectory, "look-" + Guid.NewGuid().ToString("N"));
        try
        {
            _ = Directory.CreateDirectory(Path.Combine(directory, "workDir"));
            await File.WriteAllTextAsync(Path.Combine(directory, "payload.stdout"), "one\ntwo\n", ct);
            await File.WriteAllTextAsync(Path.Combine(directory, "workDir/deep.log"), "deep\n", ct);
            await File.WriteAllTextAsync(Path.Combine(directory, "user_proxy"), "secret", ct);
            _ = File.CreateSymbolicLink(Path.Combine(directory, "link"), "/etc/hostname");
            _ = File.CreateSymbolicLink(Path.Combine(directory, "out"), Path.Combine(directory, "workDir"));
            Assert.That(DebugCommand.TryParse(text, out DebugCommand? command, out string error), Is.True, error);
            Assert.That(await new DebugOutput(directory).OfAsync(command!, ct), Is.EqualTo(expected));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
