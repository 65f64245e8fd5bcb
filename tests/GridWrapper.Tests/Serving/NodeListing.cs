using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>A table of files as the lines that <see cref="Layers.TreeListing"/> has for a directory.</summary>
/// <param name="content">Gives the content of a regular file.</param>
internal sealed class NodeListing(NodeTable table, Func<Node, byte[]> content)
{
    private readonly List<string> _lines = [];

    internal static string[] Of(NodeTable table, Func<Node, byte[]> content, bool times = false)
    {
        NodeListing listing = new(table, content);
        listing.Walk(NodeTable.Root, "", times);
        listing._lines.Sort(StringComparer.Ordinal);
        return [.. times ? (string[])[$"/ {Mode(table[NodeTable.Root])}{Time(table[NodeTable.Root])}"] : [], .. listing._lines];
    }

    /// <summary>Content straight from the archives, by position in them.</summary>
    internal static Func<Node, byte[]> From(byte[][] tars) => node => tars[node.Source].AsSpan((int)node.Data, (int)node.Size).ToArray();

    private static string Mode(Node node) => Convert.ToString(node.Mode & 0xFFF, 8);

    private static string Time(Node node) => string.Create(CultureInfo.InvariantCulture, $" @{node.Seconds}.{node.Nanoseconds:D9}");

    private void Walk(int directory, string prefix, bool times)
    {
        for (int entry = table.NextEntry(directory, NodeTable.None); entry >= 0; entry = table.NextEntry(directory, entry))
        {
            int number = table.Entries[entry].Node;
            Node node = table[number];
            string path = prefix + Encoding.Latin1.GetString(table.Name(entry));
            string time = times ? Time(node) : "";
            if (NodeKind.IsDirectory(node.Mode))
            {
                _lines.Add($"{path}/ {Mode(node)}{time}");
                Walk(number, path + "/", times);
            }
            else if (NodeKind.IsLink(node.Mode))
            {
                _lines.Add($"{path} -> {Encoding.Latin1.GetString(table.Target(number))}{time}");
            }
            else
            {
                _lines.Add($"{path} {Mode(node)} {(NodeKind.IsFile(node.Mode) ? node.Size == 0 ? "" : Encoding.Latin1.GetString(content(node)) : "special")}{time}");
            }
        }
    }
}
