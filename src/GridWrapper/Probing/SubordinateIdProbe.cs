using System.Buffers;

namespace GridWrapper.Probing;

/// <summary>
/// The ranges of /etc/subuid and /etc/subgid, by name or by number, and newuidmap and newgidmap. Where the node's name service keeps the ranges (a line "subid:" of
/// nsswitch.conf that names another source than files, as with FreeIPA), getsubids(1) is asked. Pool accounts of the grid rarely have any.
/// </summary>
internal static class SubordinateIdProbe
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789");

    /// <param name="root">Where the node's files are.</param>
    /// <param name="node">Who asks.</param>
    /// <param name="getsubids">Runs the program of that path with these arguments, and gives what it printed; null when it failed or did not answer.</param>
    internal static async Task<Fact<SubordinateIds>> ProbeAsync(string root, NodeFacts node, Func<string, ImmutableArray<string>, Task<string?>> getsubids)
    {
        string uidSource = "/etc/subuid", gidSource = "/etc/subgid";
        string uidText = ProcFile.Text(root, "etc/subuid"), gidText = ProcFile.Text(root, "etc/subgid");
        if (node.UserName is { } user && IsInNameService(ProcFile.Text(root, "etc/nsswitch.conf")) && Program(root, "getsubids") is { } program)
        {
            uidSource = gidSource = "the name service (getsubids)";
            uidText = Listed(await getsubids(program, [user]));
            gidText = Listed(await getsubids(program, ["-g", user]));
        }

        if (Range(uidText, node) is not { } uids)
        {
            return Absent(node, uidSource);
        }

        if (Range(gidText, node) is not { } gids)
        {
            return Absent(node, gidSource);
        }

        return (Program(root, "newuidmap"), Program(root, "newgidmap")) is ({ } uidMapper, { } gidMapper)
            ? new Fact<SubordinateIds>.Known(new SubordinateIds
            {
                UidStart = uids.Start, UidCount = uids.Count, GidStart = gids.Start, GidCount = gids.Count, UidMapper = uidMapper, GidMapper = gidMapper,
            })
            : new Fact<SubordinateIds>.Absent("newuidmap and newgidmap are not installed (package uidmap or shadow-utils)");
    }

    private static bool IsInNameService(string nsswitch)
    {
        const string Key = "subid:";
        string? line = nsswitch.Split('\n').FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        return line?[Key.Length..].Split(' ', '\t').Any(source => source.Length > 0 && source != "files") == true;
    }

    /// <summary>Lines "0: user start count" in the form of the files.</summary>
    private static string Listed(string? answer) =>
        string.Join('\n', (answer ?? "").Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(w => w.Length == 4).Select(w => $"{w[1]}:{w[2]}:{w[3]}"));

    private static Fact<SubordinateIds>.Absent Absent(NodeFacts node, string file) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{file} has no range for {node.UserName ?? "uid"} ({node.Uid})"));

    /// <summary>The first entry of this user with anything in it: "name:start:count" or "number:start:count".</summary>
    private static (uint Start, uint Count)? Range(string text, NodeFacts node)
    {
        string number = node.Uid.ToString(CultureInfo.InvariantCulture);
        foreach (string line in text.Split('\n'))
        {
            string[] fields = line.Split(':');
            if (fields.Length == 3 && (fields[0] == number || fields[0] == node.UserName) && Number(fields[1]) is { } start && Number(fields[2]) is { } count and > 0 && uint.MaxValue - start >= count)
            {
                return (start, count);
            }
        }

        return null;
    }

    private static uint? Number(string text) =>
        !text.AsSpan().ContainsAnyExcept(Digits) && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) ? number : null;

    private static string? Program(string root, string name)
    {
        foreach (string directory in (string[])["/usr/bin/", "/bin/", "/usr/local/bin/"])
        {
            if (File.Exists(root.TrimEnd('/') + directory + name))
            {
                return directory + name;
            }
        }

        return null;
    }
}
