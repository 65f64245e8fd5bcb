using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>What a packed layer does to the layers below it, by paths, as the index of an unpacked one has it.</summary>
/// <exception cref="InvalidDataException">By each of its properties: the layer's index says something of a directory that it does not have.</exception>
internal sealed class LayerPaths
{
    private readonly LayerTree _layer;

    /// <summary>The name that leads to each directory.</summary>
    private readonly Dictionary<int, int> _entries = [];

    internal LayerPaths(LayerTree layer)
    {
        _layer = layer;
        ReadOnlySpan<TreeEntry> entries = layer.Table.Entries;
        for (int entry = 0; entry < entries.Length; entry++)
        {
            int node = entries[entry].Node;
            if (node >= 0 && NodeKind.IsDirectory(layer.Table[node].Mode))
            {
                _entries[node] = entry;
            }
        }
    }

    internal ImmutableArray<EntryPath> Whiteouts => [.. _layer.Whiteouts.Select(name => Of(name.Directory).Child(Encoding.Latin1.GetString(name.Name))).Order()];

    internal ImmutableArray<EntryPath> Opaques => [.. _layer.Opaques.Select(Of).Order()];

    internal ImmutableArray<EntryPath> Implied => [.. _layer.Implied.Select(Of).Order()];

    private EntryPath Of(int directory)
    {
        Stack<string> names = new();
        for (int at = directory; at != NodeTable.Root; at = _layer.Table[at].Parent)
        {
            if (!_entries.TryGetValue(at, out int entry) || names.Count > EntryPath.MaxDepth)
            {
                throw new InvalidDataException("what a layer says of its directories is said of none");
            }

            names.Push(Encoding.Latin1.GetString(_layer.Table.Name(entry)));
        }

        EntryPath path = EntryPath.Root;
        foreach (string name in names)
        {
            path = path.Child(name);
        }

        return path;
    }
}
