using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.SystemTests.Launching;

/// <summary>
/// The Debian tree with a real Apptainer, a test image, and the directories of one run, owned by the tree's ordinary user. What the launcher builds is executed
/// by the launcher itself, through the script that enters the tree; the script's process becomes Apptainer's.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class ApptainerTestbed : IDisposable
{
    internal const string User = "12345";

    private ApptainerTestbed(string directory) => Base = directory;

    /// <summary>Below /tmp, which the tree shares with the host.</summary>
    internal string Base { get; }

    internal string Tree => Path.Combine(Base, "image", "rootfs");

    internal string Scripts { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "testbed"));

    /// <exception cref="IgnoreException">Not root: the testbed's scripts mount.</exception>
    internal static async Task<ApptainerTestbed> CreateAsync()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("the testbed needs root");
        }

        ApptainerTestbed testbed = new(Directory.CreateTempSubdirectory("gridwrap-apptainer-").FullName);
        File.SetUnixFileMode(testbed.Base, (UnixFileMode)0x1ED);
        await ToolAsync(Path.Combine(testbed.Scripts, "trixie.sh"));
        await ToolAsync(Path.Combine(testbed.Scripts, "image.sh"), Path.Combine(testbed.Base, "image"), "--owner", User);
        testbed.NewDirectory("cache");
        return testbed;
    }

    public void Dispose() => Directory.Delete(Base, recursive: true);

    /// <summary>A directory that belongs to the tree's user.</summary>
    internal string NewDirectory(string name)
    {
        string path = Directory.CreateDirectory(Path.Combine(Base, name)).FullName;
        ToolAsync("/bin/chown", User + ":" + User, path).GetAwaiter().GetResult();
        return path;
    }

    /// <summary>A run with directories of its own that executes the command in the test image.</summary>
    internal LaunchRequest Request(params string[] command)
    {
        string run = Guid.NewGuid().ToString("N");
        return new LaunchRequest
        {
            Rootfs = new Rootfs { Strategy = "directory", LowerDirectories = [Tree], Config = new ImageConfig { Platform = new Platform("linux", "amd64") } },
            Plan = new PlanInput
            {
                Site = new SiteProfile { Name = "test" },
                Host = new HostFacts
                {
                    Node = new NodeFacts
                    {
                        HostName = "", OperatingSystem = "", Kernel = "", Architecture = "amd64", CpuLevel = "", CpuModel = "", Cores = 1, MemoryBytes = 0, Uid = 0, Gid = 0,
                    },
                    Runtimes = new Fact<ImmutableArray<RuntimeFacts>>.Known([new RuntimeFacts("/usr/bin/apptainer", "apptainer", "1.4.5", "path", StepResult.Ok)]),
                },
                Image = new ImageFacts { Reference = new ImageReference.AtPath(Tree) },
                CacheDirectory = Path.Combine(Base, "cache"),
            },
            Command = [.. command],
            JobDirectory = NewDirectory(run),
            ScratchDirectory = NewDirectory(run + "-scratch"),
        };
    }

    /// <summary>Runs it, and puts what it wrote into two files beside the job directory.</summary>
    internal async Task<(RunResult Result, string Output, string Errors)> RunAsync(LaunchRequest request, RunControl control, CancellationToken ct)
    {
        string output = request.JobDirectory + ".out";
        string errors = request.JobDirectory + ".err";
        using SafeFileHandle stdout = File.OpenHandle(output, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        using SafeFileHandle stderr = File.OpenHandle(errors, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        ApptainerLauncher launcher = new("/nonexistent");
        LaunchSpec spec = launcher.Build(request);
        LaunchSpec inTree = spec with
        {
            Argv = [Path.Combine(Scripts, "in-trixie.sh"), "--user", "--cd", spec.WorkingDirectory, "env", "-i", .. spec.Environment.Select(v => $"{v.Key}={v.Value}"), .. spec.Argv],
            Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", PayloadEnvironment.DefaultPath)
                .Add("GRIDWRAP_TESTBED", Environment.GetEnvironmentVariable("GRIDWRAP_TESTBED") ?? "/var/tmp/gridwrap-testbed"),
        };
        RunResult result = await launcher.RunAsync(inTree, control with { StandardOutput = stdout, StandardError = stderr }, ct);
        return (result, await File.ReadAllTextAsync(output, ct), await File.ReadAllTextAsync(errors, ct));
    }

    internal static RunControl Control(StopSource? stop = null) => new() { Grace = TimeSpan.FromSeconds(1), Stop = stop ?? new StopSource() };

    private static string ThisFile([CallerFilePath] string path = "") => path;

    private static async Task ToolAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, $"{program}: {errors}{await output}");
    }
}
