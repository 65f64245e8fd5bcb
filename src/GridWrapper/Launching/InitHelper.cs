using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>
/// The embedded gridwrap-init (src/init): started from an anonymous memory file, so that nothing is written to disk; where the node forbids
/// executing those (vm.memfd_noexec=2), from a file in the cache.
/// </summary>
internal static class InitHelper
{
    /// <summary>The helper's program for whoever inherits its descriptors: another runtime, which starts it in its container.</summary>
    internal const string ByDescriptor = "/proc/self/fd/10";

    /// <summary>Descriptor numbers in the helper: the program itself, the plan, the report pipe.</summary>
    private const int ProgramFd = 10;
    private const int PlanFd = 3;
    private const int ReportFd = 4;
    private const string Resource = "gridwrap-init";

    /// <summary>First twelve hex digits of the helper's sha256.</summary>
    internal static string Digest => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Bytes()))[..12];

    /// <summary>Starts the helper on a plan, as a child of the calling thread.</summary>
    /// <param name="plan">Encoded by <see cref="PlanEncoder"/>.</param>
    /// <param name="reports">Write end of the report pipe; the caller closes its own copy afterwards.</param>
    /// <param name="streams">The helper's, and so the payload's.</param>
    /// <param name="fallbackDirectory">Where the helper's file goes if memory files cannot be executed.</param>
    /// <exception cref="LinuxException">It could not be started.</exception>
    internal static ChildProcess Start(ReadOnlySpan<byte> plan, SafeFileHandle reports, StandardStreams streams, string fallbackDirectory)
    {
        using SafeFileHandle planFile = MemoryFile.Create("gridwrap-plan", plan, otherwiseIn: fallbackDirectory);
        List<(int Child, int Parent)> descriptors = [(PlanFd, Number(planFile)), (ReportFd, Number(reports))];
        streams.AddTo(descriptors);
        try
        {
            using SafeFileHandle program = MemoryFile.Create(Resource, Bytes(), executable: true);
            return ChildProcess.StartHere(Spec(ByDescriptor, [.. descriptors, (ProgramFd, Number(program))]));
        }
        catch (LinuxException e) when (e.Errno is Errno.EACCES or Errno.EPERM or Errno.ENOSYS)
        {
            string path = OnDisk(fallbackDirectory);
            using SafeFileHandle program = File.OpenHandle(path);
            return ChildProcess.StartHere(Spec(path, [.. descriptors, (ProgramFd, Number(program))]));
        }
    }

    private static ChildSpec Spec(string program, List<(int, int)> descriptors) =>
        new() { Program = program, Argv = [Resource], Environment = [], Descriptors = [.. descriptors], NewProcessGroup = false };

    private static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    private static unsafe ReadOnlySpan<byte> Bytes()
    {
        UnmanagedMemoryStream stream = (UnmanagedMemoryStream)(typeof(InitHelper).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException("the helper is not embedded in this build"));
        return new ReadOnlySpan<byte>(stream.PositionPointer, checked((int)stream.Length));
    }

    /// <summary>Written once, under a name that holds its digest, complete before it is visible.</summary>
    private static string OnDisk(string directory)
    {
        string path = Path.Combine(directory, $"{Resource}-{Digest}");
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            string partial = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}");
            File.WriteAllBytes(partial, Bytes().ToArray());
            File.SetUnixFileMode(partial, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            File.Move(partial, path, overwrite: true);
        }

        return path;
    }
}
