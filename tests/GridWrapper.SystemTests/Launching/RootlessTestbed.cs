using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

namespace GridWrapper.SystemTests.Launching;

/// <summary>
/// The published program run by an ordinary user with a clean environment on the test image. As root that user is uid 12345, otherwise the caller.
/// GRIDWRAP_PROGRAM names another program than artifacts/linux-x64/gridwrap.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class RootlessTestbed : IDisposable
{
    internal const string User = "12345";

    private static readonly ImmutableArray<string> AsUser =
        Environment.UserName == "root" ? ["/usr/bin/setpriv", "--reuid", User, "--regid", User, "--clear-groups", "--"] : ["/usr/bin/env"];

    private RootlessTestbed(string directory, string program) => (Base, Program) = (directory, program);

    internal string Base { get; }

    internal string Program { get; }

    /// <summary>The unpacked test image.</summary>
    internal string Image => Path.Combine(Base, "image", "rootfs");

    internal string Cache => Path.Combine(Base, "cache");

    internal static string Repository { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", ".."));

    /// <exception cref="IgnoreException">There is no published program.</exception>
    internal static async Task<RootlessTestbed> CreateAsync()
    {
        string published = Path.Combine(Repository, "artifacts", "linux-x64", "gridwrap");
        string? other = Environment.GetEnvironmentVariable("GRIDWRAP_PROGRAM");
        if (other is null && !File.Exists(published))
        {
            Assert.Ignore($"{published} is missing: ./build.sh makes it");
        }

        string directory = Directory.CreateTempSubdirectory("gridwrap-rootless-").FullName;
        File.SetUnixFileMode(directory, (UnixFileMode)0x1ED);
        // A checkout may lie where the ordinary user cannot go.
        string program = other ?? Path.Combine(directory, "gridwrap");
        if (other is null)
        {
            File.Copy(published, program);
            File.SetUnixFileMode(program, (UnixFileMode)0x1ED);
        }

        RootlessTestbed testbed = new(directory, program);
        string[] owner = AsUser.Length > 1 ? ["--owner", User] : [];
        (int code, _, string errors) = await ExecuteAsync([Path.Combine(Repository, "tests", "testbed", "image.sh"), Path.Combine(directory, "image"), .. owner], new Launch());
        Assert.That(code, Is.Zero, errors);
        testbed.NewDirectory("cache");
        return testbed;
    }

    public void Dispose() => Directory.Delete(Base, recursive: true);

    /// <summary>An empty directory that belongs to the user.</summary>
    internal string NewDirectory(string? name = null)
    {
        string path = Directory.CreateDirectory(Path.Combine(Base, name ?? "d-" + Guid.NewGuid().ToString("N"))).FullName;
        Give(path);
        return path;
    }

    /// <summary>A tree with a busybox as /bin/sh, to which a test adds what it is about.</summary>
    internal string NewImage()
    {
        string tree = NewDirectory();
        Directory.CreateDirectory(Path.Combine(tree, "bin"));
        File.Copy("/bin/busybox", Path.Combine(tree, "bin", "busybox"));
        foreach (string applet in (string[])["sh", "ls", "cat", "touch", "head", "id", "sleep", "grep", "mount", "readlink"])
        {
            File.CreateSymbolicLink(Path.Combine(tree, "bin", applet), "busybox");
        }

        Give(tree);
        return tree;
    }

    /// <summary>Starts the program; the process is the program's own.</summary>
    internal Process Start(IEnumerable<string> words, Launch launch)
    {
        ImmutableSortedDictionary<string, string> environment = launch.Environment.ContainsKey("GRIDWRAP_CACHE") ? launch.Environment : launch.Environment.Add("GRIDWRAP_CACHE", Cache);
        return StartRaw([.. AsUser, .. launch.Before, Program, .. words], launch with { Environment = environment, Directory = launch.Directory ?? NewDirectory() });
    }

    /// <summary>The same at a terminal of its own: what is written to the process is typed there.</summary>
    internal Process StartAtTerminal(string image, string script, params string[] options)
    {
        IEnumerable<string> words = [Program, "exec", "--launcher", "rootless", "--quiet", .. options, image, "--", "/bin/sh", "-c", script];
        string line = string.Join(' ', words.Select(w => "'" + w.Replace("'", "'\\''", StringComparison.Ordinal) + "'"));
        ImmutableSortedDictionary<string, string> environment = ImmutableSortedDictionary<string, string>.Empty.Add("GRIDWRAP_CACHE", Cache).Add("TERM", "dumb").Add("SHELL", "/bin/sh");
        return StartRaw([.. AsUser, "/usr/bin/script", "-qefc", "exec " + line, "/dev/null"], new Launch { Directory = NewDirectory(), KeepInput = true, Environment = environment });
    }

    /// <summary>A line of the host's shell at a terminal of its own.</summary>
    internal Process StartLineAtTerminal(string line, string shell)
    {
        ImmutableSortedDictionary<string, string> environment = ImmutableSortedDictionary<string, string>.Empty.Add("GRIDWRAP_CACHE", Cache).Add("TERM", "dumb").Add("SHELL", shell);
        return StartRaw([.. AsUser, "/usr/bin/script", "-qefc", line, "/dev/null"], new Launch { Directory = NewDirectory(), KeepInput = true, Environment = environment });
    }

    internal Process StartExec(string image, IEnumerable<string> words, Launch launch, params string[] options) =>
        Start(["exec", "--launcher", "rootless", "--quiet", .. options, image, "--", .. words], launch);

    /// <summary>Runs a shell script in an image; stdout, stderr and the exit code come back.</summary>
    internal async Task<(int Code, string Output, string Errors)> ShellAsync(string script, Launch? launch = null, string? image = null, params string[] options)
    {
        using Process process = StartExec(image ?? Image, ["/bin/sh", "-c", script], launch ?? new Launch(), options);
        return await FinishAsync(process);
    }

    internal static async Task<(int Code, string Output, string Errors)> FinishAsync(Process process)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        string all = await output;
        await process.WaitForExitAsync();
        return (process.ExitCode, all, errors);
    }

    internal static async Task<(int Code, string Output, string Errors)> ExecuteAsync(ImmutableArray<string> words, Launch launch)
    {
        using Process process = StartRaw(words, launch);
        return await FinishAsync(process);
    }

    /// <summary>Runs a script of the host's shell as the user, in a directory.</summary>
    internal Task<(int Code, string Output, string Errors)> HostShellAsync(string script, string directory) =>
        ExecuteAsync([.. AsUser, "/bin/bash", "-c", script], new Launch { Directory = directory, Environment = ImmutableSortedDictionary<string, string>.Empty.Add("GRIDWRAP_CACHE", Cache) });

    /// <summary>Waits until no process has the word on its command line, then looks for what else a run could have left.</summary>
    internal async Task NothingLeftAsync(string word, string? cache = null)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (IsRunning(word))
        {
            Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)), $"a process with {word} is left");
            await Task.Delay(20);
        }

        string scratch = Path.Combine(cache ?? Cache, "scratch");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Directory.Exists(scratch) && cache is not null ? Directory.GetDirectories(scratch) : [], Is.Empty);
            Assert.That(await File.ReadAllTextAsync("/proc/self/mountinfo"), Does.Not.Contain(Base));
        }
    }

    internal static bool IsRunning(string word)
    {
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(d => char.IsAsciiDigit(d[^1])))
        {
            try
            {
                if (File.ReadAllText(process + "/cmdline").Contains(word, StringComparison.Ordinal))
                {
                    return true;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue; // it has ended
            }
        }

        return false;
    }

    private static Process StartRaw(ImmutableArray<string> words, Launch launch)
    {
        ProcessStartInfo info = new(words[0], words.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = launch.Directory ?? "/",
        };
        info.Environment.Clear();
        info.Environment["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
        foreach ((string name, string value) in launch.Environment)
        {
            info.Environment[name] = value;
        }

        Process process = Process.Start(info)!;
        if (!launch.KeepInput)
        {
            process.StandardInput.Close();
        }

        return process;
    }

    /// <summary>Hands a tree to the user.</summary>
    internal static void Give(string path)
    {
        if (AsUser.Length > 1)
        {
            using Process chown = Process.Start("/bin/chown", ["-R", User + ":" + User, path]);
            chown.WaitForExit();
        }
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;

    /// <summary>How the program is started.</summary>
    internal sealed record Launch
    {
        /// <summary>Words before the program, such as another program that starts it.</summary>
        public ImmutableArray<string> Before { get; init; } = [];

        public ImmutableSortedDictionary<string, string> Environment { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

        /// <summary>Null = a fresh one.</summary>
        public string? Directory { get; init; }

        public bool KeepInput { get; init; }
    }
}
