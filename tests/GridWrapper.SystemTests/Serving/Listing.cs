using GridWrapper.Serving;

namespace GridWrapper.SystemTests.Serving;

/// <summary>What tests/testbed/treelist.c prints of a directory of a table.</summary>
internal static class Listing
{
    internal static ImmutableArray<string> Of(NodeTable table, string directory)
    {
        List<string> lines = [];
        List(table, table.Find(NodeTable.Root, Encoding.UTF8.GetBytes(directory)), "", lines);
        return [.. lines];
    }

    private static void List(NodeTable table, int directory, string path, List<string> lines)
    {
        List<(string Name, int Node)> entries = [];
        for (int entry = NodeTable.None; (entry = table.NextEntry(directory, entry)) >= 0;)
        {
            // As Latin-1 every byte is one character, in the order of the bytes.
            entries.Add((Encoding.Latin1.GetString(table.Name(entry)), table.Entries[entry].Node));
        }

        foreach ((string name, int number) in entries.OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            Node node = table[number];
            string below = path + (path.Length > 0 ? "/" : "") + Text(name);
            string mode = Convert.ToString((int)(node.Mode & 0xFFF), 8).PadLeft(4, '0');
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{below} ") + (node.Mode & NodeKind.Mask) switch
            {
                NodeKind.Directory => string.Create(CultureInfo.InvariantCulture, $"d {mode} {node.Seconds}"),
                NodeKind.Link => string.Create(CultureInfo.InvariantCulture, $"l {node.Seconds} -> {Text(Encoding.Latin1.GetString(table.Target(number)))}"),
                NodeKind.Fifo => string.Create(CultureInfo.InvariantCulture, $"p {mode} {node.Seconds}"),
                _ => string.Create(CultureInfo.InvariantCulture, $"f {mode} {node.Seconds} {node.Size} {Hash(node):x16}"),
            });
            if (NodeKind.IsDirectory(node.Mode))
            {
                List(table, number, below, lines);
            }
        }
    }

    private static string Text(string name) =>
        string.Concat(name.Select(c => c is > ' ' and < (char)127 and not '\\' ? c.ToString() : string.Create(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}")));

    private static ulong Hash(Node node)
    {
        using PatternSource source = new();
        byte[] buffer = new byte[1 << 20];
        ulong hash = 14695981039346656037;
        for (long at = 0; at < node.Size; at += buffer.Length)
        {
            Span<byte> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, node.Size - at));
            _ = source.Read(node.Data, at, part);
            foreach (byte b in part)
            {
                hash = unchecked((hash ^ b) * 1099511628211);
            }
        }

        return hash;
    }
}
