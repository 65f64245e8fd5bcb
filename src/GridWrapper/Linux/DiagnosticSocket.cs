namespace GridWrapper.Linux;

/// <summary>
/// The runtime opens a debugging socket in the temporary directory of every process and can be told not to only by an environment variable, which nobody
/// sets for us. Its name is removed at once: nothing of ours stays in /tmp when we are killed, and nobody connects.
/// </summary>
internal static class DiagnosticSocket
{
    /// <summary>The start time is the twenty-second field of /proc/self/stat (proc_pid_stat(5)); the fields after the name count from the last ')'.</summary>
    private const int StartTimeAfterName = 19;

    internal static void Remove()
    {
        try
        {
            string stat = File.ReadAllText("/proc/self/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ', StartTimeAfterName + 2);
            string directory = Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } named ? named : "/tmp";
            File.Delete(Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"dotnet-diagnostic-{Environment.ProcessId}-{fields[StartTimeAfterName]}-socket")));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or IndexOutOfRangeException)
        {
            return; // it is a courtesy: without it the socket disappears with the process, as the runtime means it to
        }
    }
}
