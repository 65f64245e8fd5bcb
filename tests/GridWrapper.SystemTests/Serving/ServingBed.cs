using System.Diagnostics;
using System.Runtime.InteropServices;
using GridWrapper.SystemTests.Launching;

namespace GridWrapper.SystemTests.Serving;

/// <summary>Where <see cref="ServingProgram"/> can be run by an ordinary user on a node where everybody may open /dev/fuse. A checkout may lie where that user cannot go, so it is copied.</summary>
internal sealed class ServingBed : IDisposable
{
    private readonly string _base = Directory.CreateTempSubdirectory("gridwrap-serving-").FullName;

    internal static bool IsRoot { get; } = Environment.UserName == "root";

    /// <summary>Below it nothing is left in the environment, but this.</summary>
    internal string Word => _base;

    internal static async Task<ServingBed> CreateAsync()
    {
        ServingBed bed = new();
        File.SetUnixFileMode(bed._base, (UnixFileMode)0x1ED);
        string program = Directory.CreateDirectory(Path.Combine(bed._base, "program")).FullName;
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories).Where(f => f.EndsWith(".dll", StringComparison.Ordinal) || f.EndsWith(".json", StringComparison.Ordinal)))
        {
            string copy = Path.Combine(program, Path.GetRelativePath(AppContext.BaseDirectory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        await bed.CompileAsync("serving-check", "-pthread");
        await bed.CompileAsync("treelist");
        return bed;
    }

    /// <summary>The words that run the program for an ordinary user.</summary>
    internal ImmutableArray<string> Words(string job, int times, string mode, params string[] command) =>
        [Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "fuse-node.sh"), .. UserWords(job, times, mode, command)];

    /// <summary>The same on a node as it is.</summary>
    internal ImmutableArray<string> UserWords(string job, int times, string mode, params string[] command)
    {
        string[] user = IsRoot ? ["/usr/bin/setpriv", "--reuid", RootlessTestbed.User, "--regid", RootlessTestbed.User, "--clear-groups", "--"] : [];
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        return
        [
            .. user, "/usr/bin/env", "-i", "-C", job, "PATH=/usr/bin:/bin", "DOTNET_EnableDiagnostics=0", dotnet, Path.Combine(_base, "program", "GridWrapper.SystemTests.dll"),
            times.ToString(CultureInfo.InvariantCulture), mode, .. command,
        ];
    }

    /// <summary>A fresh job directory of the user's, with the programs for payloads in it.</summary>
    internal string NewJob()
    {
        string job = Directory.CreateDirectory(Path.Combine(_base, "job-" + Guid.NewGuid().ToString("N"))).FullName;
        Directory.CreateDirectory(Path.Combine(job, "cache"));
        foreach (string program in (string[])["serving-check", "treelist"])
        {
            File.Copy(Path.Combine(_base, program), Path.Combine(job, program));
        }

        RootlessTestbed.Give(job);
        return job;
    }

    /// <summary>Runs a script of the served root's shell, once. The output's last line is what serving took.</summary>
    internal async Task<(int Code, string Output, string Served, string Errors)> ShellAsync(string script, string mode = "ro", int times = 1)
    {
        string job = NewJob();
        (int code, string output, string errors) = await RootlessTestbed.ExecuteAsync(Words(job, times, mode, "/bin/sh", "-c", script.Replace("$JOB", job, StringComparison.Ordinal)), new RootlessTestbed.Launch());
        int last = output.TrimEnd('\n').LastIndexOf('\n') + 1;
        return (code, output[..last], output[last..].Trim(), errors);
    }

    /// <summary>Waits until nothing of a run is left: no process in the directory of the program, and no mount in anybody's namespace.</summary>
    internal async Task NothingLeftAsync()
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (RootlessTestbed.IsRunning(_base) || Mounting() is not null)
        {
            Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), $"a process or a mount is left: {Mounting()}");
            await Task.Delay(20);
        }
    }

    /// <summary>A process whose namespace still has a mount of ours.</summary>
    private string? Mounting() => Directory.EnumerateDirectories("/proc").Where(d => char.IsAsciiDigit(d[^1])).FirstOrDefault(d => Text(d + "/mountinfo").Contains(_base, StringComparison.Ordinal));

    public void Dispose() => Directory.Delete(_base, recursive: true);

    private static string Text(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // the process has ended
        }
    }

    private async Task CompileAsync(string name, params string[] options)
    {
        string source = Path.Combine(RootlessTestbed.Repository, "tests", "testbed", name + ".c");
        (int code, _, string errors) = await RootlessTestbed.ExecuteAsync(["/usr/bin/gcc", "-O1", "-static", .. options, "-o", Path.Combine(_base, name), source], new RootlessTestbed.Launch());
        Assert.That(code, Is.Zero, errors);
    }
}
