using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace GridWrapper.SystemTests.Probing;

/// <summary>
/// A tree mounted by tests/testbed/fakecvmfs as if by a CVMFS client. Needs root and /dev/fuse. Disposing kills the server, which releases everything that hangs on it,
/// and detaches the mount.
/// </summary>
internal sealed class FakeCvmfsMount : IDisposable
{
    private static readonly Lazy<string> Program = new(Build);

    private readonly Process _server;
    private readonly string _mountPoint;
    private bool _dead;

    internal FakeCvmfsMount(string source, string mountPoint, params string[] options)
    {
        _mountPoint = mountPoint;
        Directory.CreateDirectory(mountPoint);
        _server = Process.Start(new ProcessStartInfo(Program.Value, [.. options, source, mountPoint]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        if (_server.StandardOutput.ReadLine() != "ready")
        {
            throw new InvalidOperationException($"fakecvmfs did not mount: {_server.StandardError.ReadToEnd()}");
        }
    }

    /// <summary>Null, or why no fake CVMFS can be mounted here.</summary>
    internal static string? Impossible =>
        Environment.UserName != "root" ? "mounting a fake CVMFS needs root"
        : !File.Exists("/dev/fuse") ? "there is no /dev/fuse"
        : !File.Exists("/usr/bin/cc") ? "there is no C compiler"
        : null;

    internal void Stop() => Signal("STOP");

    internal void Continue() => Signal("CONT");

    internal void Kill()
    {
        _dead = true;
        _server.Kill();
        _server.WaitForExit();
    }

    public void Dispose()
    {
        if (!_dead)
        {
            Kill();
        }

        _server.Dispose();
        using Process umount = Process.Start("/bin/umount", ["-l", _mountPoint]);
        umount.WaitForExit();
    }

    private void Signal(string name)
    {
        using Process kill = Process.Start("/bin/kill", [$"-{name}", _server.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private static string Build() => BuildFrom();

    private static string BuildFrom([CallerFilePath] string thisFile = "")
    {
        string source = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../testbed/fakecvmfs/fakecvmfs.c"));
        string program = Path.Combine(AppContext.BaseDirectory, "fakecvmfs");
        using Process compiler = Process.Start("/usr/bin/cc", ["-O1", "-Wall", "-Wextra", "-Werror", "-o", program, source]);
        compiler.WaitForExit();
        return compiler.ExitCode == 0 ? program : throw new InvalidOperationException($"{source} does not compile");
    }
}
