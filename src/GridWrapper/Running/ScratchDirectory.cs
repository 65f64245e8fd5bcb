using GridWrapper.Linux;

namespace GridWrapper.Running;

/// <summary>
/// Private disk space of one run, below the cache, shown to the payload as /tmp. Removed at the end; what a killed run left behind
/// is removed by the next one, which sees that its owner is gone.
/// </summary>
internal sealed class ScratchDirectory : IDisposable
{
    private const string Prefix = "run-";

    private ScratchDirectory(string path) => Path = path;

    /// <summary>Absolute path, mode 0700, empty.</summary>
    internal string Path { get; }

    /// <summary>The path a run of this process would use. A dry run shows it without making it.</summary>
    internal static string Name(string cacheDirectory) =>
        System.IO.Path.Combine(cacheDirectory, "scratch", string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}"));

    /// <exception cref="IOException">The cache is not writable or full.</exception>
    internal static ScratchDirectory Create(string cacheDirectory)
    {
        string path = Name(cacheDirectory);
        string parent = System.IO.Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(parent, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (string left in Directory.EnumerateDirectories(parent, Prefix + "*"))
        {
            if (left == path || IsOrphan(left))
            {
                TreeRemover.Remove(left);
            }
        }

        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new ScratchDirectory(path);
    }

    public void Dispose() => TreeRemover.Remove(Path);

    private static bool IsOrphan(string path) =>
        int.TryParse(System.IO.Path.GetFileName(path)[Prefix.Length..], CultureInfo.InvariantCulture, out int owner) && !Directory.Exists($"/proc/{owner}");
}
