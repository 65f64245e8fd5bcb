namespace GridWrapper.Linux;

/// <summary>
/// The runtime opens a socket and two pipes for debuggers in the temporary directory of every process and can be told not to only by an environment variable, which
/// nobody sets for us. Their names are removed at once: nothing of ours stays in /tmp when we are killed, and nobody connects.
/// </summary>
internal static class DiagnosticSocket
{
    /// <summary>The start time is the twenty-second field of /proc/self/stat (proc_pid_stat(5)); the fields after the name count from the last ')'.</summary>
    private const int StartTimeAfterName = 19;

    internal static void Remove()
    {
        // It is a courtesy: where it fails the socket disappears with the process, as the runtime means it to.
        if (TextFile.Read("/proc/self/stat") is { } stat
            && stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StartTimeAfterName + 3) is { Length: > StartTimeAfterName + 1 } fields)
        {
            string directory = Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } named ? named : "/tmp";
            string own = $"{Environment.ProcessId}-{fields[StartTimeAfterName + 1]}";
            _ = Libc.Unlink($"{directory}/dotnet-diagnostic-{own}-socket");
            _ = Libc.Unlink($"{directory}/clr-debug-pipe-{own}-in");
            _ = Libc.Unlink($"{directory}/clr-debug-pipe-{own}-out");
        }
    }
}
