namespace GridWrapper.Linux;

/// <summary>One process as /proc tells it.</summary>
/// <param name="Name">Its comm, at most 15 characters.</param>
internal readonly record struct ProcessEntry(int Pid, int ParentPid, int Group, string Name)
{
    /// <summary>Reads the content of /proc/PID/stat; null if it is not that. The name may itself hold blanks and parentheses.</summary>
    internal static ProcessEntry? Parse(string stat)
    {
        int open = stat.IndexOf('(', StringComparison.Ordinal);
        int close = stat.LastIndexOf(')');
        if (open < 1 || close < open)
        {
            return null;
        }

        string[] rest = stat[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return rest.Length > 2
            && int.TryParse(stat.AsSpan(0, open - 1), CultureInfo.InvariantCulture, out int pid)
            && int.TryParse(rest[1], CultureInfo.InvariantCulture, out int parent)
            && int.TryParse(rest[2], CultureInfo.InvariantCulture, out int group)
            ? new ProcessEntry(pid, parent, group, stat[(open + 1)..close])
            : null;
    }

    /// <summary>Every process that can be seen. Those that end meanwhile are left out.</summary>
    internal static ImmutableArray<ProcessEntry> ReadAll()
    {
        ImmutableArray<ProcessEntry>.Builder all = ImmutableArray.CreateBuilder<ProcessEntry>();
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (char.IsAsciiDigit(directory[^1]) && Read(directory) is { } entry)
            {
                all.Add(entry);
            }
        }

        return all.ToImmutable();
    }

    private static ProcessEntry? Read(string directory)
    {
        try
        {
            return Parse(File.ReadAllText(directory + "/stat"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended.
            return null;
        }
    }
}
