using GridWrapper.Serving;

namespace GridWrapper.SystemTests.Equivalence;

/// <summary>A root in memory as the lines that tests/testbed/treelist.c writes for a directory.</summary>
internal static class TableLines
{
    /// <param name="skipped">Names in the root that are left out.</param>
    internal static string[] Of(ServedRoot root, ImmutableHashSet<string> skipped)
    {
        List<string> lines = [];
        Add(root, (NodeTable.Root, ""), skipped, lines);
        return [.. lines];
    }

    private static void Add(ServedRoot root, (int Node, string Path) directory, ImmutableHashSet<string> skipped, List<string> lines)
    {
        NodeTable table = root.Table;
        for (int entry = table.NextEntry(directory.Node, NodeTable.None); entry >= 0; entry = table.NextEntry(directory.Node, entry))
        {
            int number = table.Entries[entry].Node;
            string path = directory.Path + Text(table.Name(entry));
            if (skipped.Contains(path))
            {
                continue;
            }

            Node node = table[number];
            string mode = Convert.ToString(node.Mode & 0xFFF, 8).PadLeft(4, '0');
            lines.Add((node.Mode & NodeKind.Mask) switch
            {
                NodeKind.Directory => string.Create(CultureInfo.InvariantCulture, $"{path} d {mode} {node.Seconds}"),
                NodeKind.Link => string.Create(CultureInfo.InvariantCulture, $"{path} l {node.Seconds} -> {Text(table.Target(number))}"),
                NodeKind.File => string.Create(CultureInfo.InvariantCulture, $"{path} f {mode} {node.Seconds} {node.Size} {Hash(root, node):x16}"),
                _ => string.Create(CultureInfo.InvariantCulture, $"{path} p {mode} {node.Seconds}"),
            });
            if (NodeKind.IsDirectory(node.Mode))
            {
                Add(root, (number, path + "/"), [], lines);
            }
        }
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new();
        foreach (byte b in bytes)
        {
            text.Append(b is > 32 and < 127 and not (byte)'\\' ? ((char)b).ToString() : $"\\x{b:x2}");
        }

        return text.ToString();
    }

    private static ulong Hash(ServedRoot root, Node node)
    {
        byte[] content = new byte[node.Size];
        Assert.That(root.Sources[node.Source].Read(node.Data, 0, content), Is.Zero);
        ulong hash = 14695981039346656037;
        foreach (byte b in content)
        {
            hash = unchecked((hash ^ b) * 1099511628211);
        }

        return hash;
    }
}
