using System.Buffers;

namespace GridWrapper.Probing;

/// <summary>/etc/subuid and /etc/subgid, by name or by number, and newuidmap and newgidmap. Pool accounts of the grid rarely have any.</summary>
internal static class SubordinateIdProbe
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789");

    internal static Fact<SubordinateIds> Probe(string root, NodeFacts node)
    {
        if (Range(ProcFile.Text(root, "etc/subuid"), node) is not { } uids)
        {
            return Absent(node, "/etc/subuid");
        }

        if (Range(ProcFile.Text(root, "etc/subgid"), node) is not { } gids)
        {
            return Absent(node, "/etc/subgid");
        }

        return (Program(root, "newuidmap"), Program(root, "newgidmap")) is ({ } uidMapper, { } gidMapper)
            ? new Fact<SubordinateIds>.Known(new SubordinateIds
            {
                UidStart = uids.Start, UidCount = uids.Count, GidStart = gids.Start, GidCount = gids.Count, UidMapper = uidMapper, GidMapper = gidMapper,
            })
            : new Fact<SubordinateIds>.Absent("newuidmap and newgidmap are not installed (package uidmap or shadow-utils)");
    }

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
