using System.Diagnostics;

namespace GridWrapper.SystemTests.BadInput;

/// <summary>
/// A job directory, a cache and a temporary directory for one run by an ordinary user without a home, and what the run left in them, among the processes and
/// in the mount table.
/// </summary>
internal sealed class BadInputBed : IDisposable
{
    private const string User = "12345";

    private const UnixFileMode Everybody = (UnixFileMode)0x1FF;

    private readonly List<IDisposable> _servers = [];

    internal BadInputBed()
    {
        Base = Directory.CreateTempSubdirectory("gridwrap-bad-").FullName;
        File.SetUnixFileMode(Base, Everybody);
        foreach (string directory in new[] { Job, Temporary })
        {
            Directory.CreateDirectory(directory);
            File.SetUnixFileMode(directory, Everybody);
        }
    }

    internal string Base { get; }

    internal string Job => Path.Combine(Base, "job");

    internal string Cache => Path.Combine(Base, "cache");

    internal string Temporary => Path.Combine(Base, "temporary");

    /// <summary>Files that belong to the input of the run, relative to the job directory.</summary>
    internal List<string> Inputs { get; } = [];

    public void Dispose()
    {
        _servers.ForEach(s => s.Dispose());
        Directory.Delete(Base, recursive: true);
    }

    /// <summary>Keeps a server until the end of the test.</summary>
    internal T Keep<T>(T server)
        where T : IDisposable
    {
        _servers.Add(server);
        return server;
    }

    /// <summary>Puts a file into the job directory.</summary>
    /// <returns>Its name, as the command line will have it.</returns>
    internal string Write(string name, string content)
    {
        File.WriteAllText(Path.Combine(Job, name), content);
        Inputs.Add(name);
        return name;
    }

    internal async Task<BadRun> RunAsync(string[] arguments, CancellationToken ct)
    {
        ProcessStartInfo start = new() { WorkingDirectory = Job, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        string[] command = Environment.UserName == "root"
            ? ["/usr/bin/setpriv", "--reuid", User, "--regid", User, "--clear-groups", "--", Published.File, .. arguments]
            : [Published.File, .. arguments];
        start.FileName = command[0];
        Array.ForEach(command[1..], start.ArgumentList.Add);
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/local/bin:/usr/bin:/bin";
        start.Environment["TMPDIR"] = Temporary;
        start.Environment["GRIDWRAP_CACHE"] = Cache;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(ct);
        Task<string> errors = process.StandardError.ReadToEndAsync(ct);
        try
        {
            await process.WaitForExitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return new BadRun(process.ExitCode, await output, await errors, await LeftAsync(ct));
    }

    /// <summary>Everything that should not be there any more.</summary>
    private async Task<string[]> LeftAsync(CancellationToken ct)
    {
        // A process that was killed is gone a moment later.
        for (int i = 0; i < 20 && Processes().Length > 0; i++)
        {
            await Task.Delay(100, ct);
        }

        string[] documented = ["gridwrap-result.json", "payload_error_report.json", "gridwrap.log", .. Inputs];
        return
        [
            .. Entries(Job).Where(e => !documented.Contains(e)).Select(e => $"job directory: {e}"),
            .. Entries(Temporary).Select(e => $"temporary directory: {e}"),
            .. new[] { "tmp", "scratch", "trial" }.SelectMany(d => Entries(Path.Combine(Cache, d)).Select(e => $"cache: {d}/{e}")),
            .. Processes(),
            .. File.ReadLines("/proc/self/mountinfo").Where(m => m.Contains(Base, StringComparison.Ordinal)).Select(m => $"mount: {m}"),
        ];
    }

    private static string[] Entries(string directory) =>
        Directory.Exists(directory) ? [.. Directory.GetFileSystemEntries(directory).Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal)] : [];

    /// <summary>Whoever has the run's directories in its command line or environment, or works in them.</summary>
    private string[] Processes() =>
        [.. Directory.GetDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0]) && Mentions(d)).Select(d => $"process: {d}")];

    private bool Mentions(string process)
    {
        try
        {
            return new DirectoryInfo(Path.Combine(process, "cwd")).LinkTarget?.StartsWith(Base, StringComparison.Ordinal) == true
                || new[] { "cmdline", "environ" }.Any(f => File.ReadAllText(Path.Combine(process, f)).Contains(Base, StringComparison.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It ended while it was looked at, or belongs to somebody else.
            return false;
        }
    }
}
