using System.Diagnostics;

namespace GridWrapper.SystemTests.Registries;

/// <summary>The test image of tests/testbed in a real docker-registry on loopback, with or without a password.</summary>
internal sealed class RealRegistry : IDisposable
{
    internal const string User = "alice";
    internal const string Password = "wonder:land";
    private const string Name = "testbed/image";
    private readonly string _directory;

    private RealRegistry(string directory, string address)
    {
        _directory = directory;
        Address = address;
    }

    /// <summary>127.0.0.1:PORT.</summary>
    internal string Address { get; }

    internal string Repository => Name;

    /// <summary>The first program that is needed and not there, or null.</summary>
    internal static string? Missing => new[] { "docker-registry", "skopeo", "umoci", "busybox", "perl", "zstd" }
        .FirstOrDefault(program => !new[] { "/usr/bin", "/bin", "/usr/sbin" }.Any(d => File.Exists(Path.Combine(d, program))));

    internal static string NewDirectory() => Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "scratch", Guid.NewGuid().ToString("N"))).FullName;

    /// <summary>The test image's directory, see image.sh.</summary>
    internal static string BuildImage()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "scratch", "image-" + Guid.NewGuid().ToString("N"));
        Run(Testbed("image.sh"), path);
        return path;
    }

    internal static RealRegistry Start(string image, bool withPassword)
    {
        string directory = NewDirectory();
        string[] auth = withPassword ? ["--auth", "htpasswd", User, Password] : [];
        string address = Run(Testbed("registry.sh"), ["start", directory, "0", .. auth]).Trim();
        string[] credentials = withPassword ? ["--creds", $"{User}:{Password}"] : [];
        var registry = new RealRegistry(directory, address);
        try
        {
            Run(Testbed("image.sh"), [image, "--push", $"{address}/{Name}", .. credentials]);
            return registry;
        }
        catch
        {
            registry.Dispose();
            throw;
        }
    }

    /// <summary>Requests answered so far, one line each.</summary>
    internal string[] AccessLog() => File.ReadAllLines(Path.Combine(_directory, "access.log"));

    public void Dispose() => Run(Testbed("registry.sh"), "stop", _directory);

    /// <summary>Runs a program to its end; its stdout, one char per byte.</summary>
    internal static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, StandardOutputEncoding = Encoding.Latin1 };
        start.Environment["LC_ALL"] = "C";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit {process.ExitCode}: {errors.GetAwaiter().GetResult()}");
    }

    private static string Testbed(string script)
    {
        string directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "GridWrapper.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("the tests do not run inside the source tree");
        }

        return Path.Combine(directory, "tests/testbed", script);
    }
}
