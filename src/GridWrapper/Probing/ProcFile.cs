using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Text files of "key: value" lines, as in /proc. A file that is missing or unreadable is an empty one: the fact drawn from it is then "unknown".
/// </summary>
internal sealed class ProcFile
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <summary>The value of a key, empty when it is not there.</summary>
    internal string this[string key] => _values.GetValueOrDefault(key, "");

    internal static ProcFile Read(string root, string name)
    {
        ProcFile file = new();
        foreach (string line in Text(root, name).Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                file._values.TryAdd(line[..colon].TrimEnd(), line[(colon + 1)..].Trim());
            }
        }

        return file;
    }

    internal static string Text(string root, string name) => TextFile.Read(Path.Combine(root, name))?.TrimEnd('\n') ?? "";
}
