using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>
/// Layers side by side in one tree, each to be a lower directory of an overlay: what it removes is a character device without a number, or a directory with the attribute that makes it opaque,
/// as <see cref="LayerExtractor"/> leaves them on disk.
/// </summary>
internal sealed class ServedStack
{
    private const uint DirectoryMode = NodeKind.Directory | 0x1ED;

    /// <summary>What an overlay looks for in directories of its layers. No layer brings attributes of this family.</summary>
    private static readonly byte[] Opaque = "user.overlay.opaque"u8.ToArray();
    private static readonly byte[] Yes = "y"u8.ToArray();

    internal NodeTable Table { get; } = new();

    /// <summary>One layer that is the whole tree; its files are of source 0.</summary>
    internal static NodeTable Alone(LayerTree layer)
    {
        ServedStack stack = new();
        stack.Fill(NodeTable.Root, NodeTable.Root, new Adding(layer, 0), isHidden: false);
        return stack.Table;
    }

    /// <summary>Whether a directory of such a tree hides what lies below it.</summary>
    internal static bool IsOpaque(NodeTable table, int directory)
    {
        if (table.Attributes.TryGetValue(directory, out ImmutableArray<(byte[] Name, byte[] Value)> attributes))
        {
            foreach ((byte[] name, _) in attributes)
            {
                if (name.AsSpan().SequenceEqual(Opaque))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Adds a layer as a directory of the root.</summary>
    /// <param name="name">Of the directory, no other's.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="source">What <see cref="Node.Source"/> of its files becomes.</param>
    /// <returns>The directory.</returns>
    internal int Add(string name, LayerTree layer, int source)
    {
        int directory = Table.Add(new Node { Mode = DirectoryMode });
        Table.Set(NodeTable.Root, Encoding.UTF8.GetBytes(name), directory);
        Fill(NodeTable.Root, directory, new Adding(layer, source), isHidden: false);
        return directory;
    }

    /// <param name="from">A directory of the layer.</param>
    /// <param name="into">What it becomes.</param>
    /// <param name="isHidden">It lies in one that is opaque: there is nothing below that it could remove.</param>
    private void Fill(int from, int into, Adding adding, bool isHidden)
    {
        NodeTable layer = adding.Layer;
        ref readonly Node stated = ref layer[from];
        ref Node node = ref Table[into];
        (node.Mode, node.Seconds, node.Nanoseconds) = (stated.Mode, stated.Seconds, stated.Nanoseconds);
        KeepAttributes(from, into, layer);
        bool isOpaque = adding.Opaques.Contains(from);
        if (isOpaque)
        {
            Table.Attributes.TryGetValue(into, out ImmutableArray<(byte[] Name, byte[] Value)> own);
            Table.Attributes[into] = [.. own.IsDefault ? [] : own, (Opaque, Yes)];
        }

        HashSet<string> removed = adding.Removed(from);
        for (int entry = layer.NextEntry(from, NodeTable.None); entry >= 0; entry = layer.NextEntry(from, entry))
        {
            int child = layer.Entries[entry].Node;
            ReadOnlySpan<byte> name = layer.Name(entry);
            if (!NodeKind.IsDirectory(layer[child].Mode))
            {
                Table.Set(into, name, adding.Nodes[child] != 0 ? adding.Nodes[child] : Copy(child, adding));
                continue;
            }

            if (removed.Count > 0 && removed.Contains(Encoding.Latin1.GetString(name)))
            {
                // The layer removes a directory and has one there itself.
                adding.Opaques.Add(child);
            }

            int made = Table.Add(new Node { Mode = NodeKind.Directory });
            Table.Set(into, name, made);
            Fill(child, made, adding, isHidden || isOpaque);
        }

        if (!isHidden && !isOpaque)
        {
            Mark(into, removed);
        }
    }

    /// <summary>What the layer has itself at a name hides the lower one by being there.</summary>
    private void Mark(int directory, HashSet<string> removed)
    {
        foreach (string name in removed)
        {
            byte[] bytes = Encoding.Latin1.GetBytes(name);
            if (Table.Find(directory, bytes) < 0)
            {
                Table.Set(directory, bytes, Table.Add(new Node { Mode = NodeKind.CharacterDevice }));
            }
        }
    }

    /// <summary>Names of one file stay names of one file. A device that is no removal does not come in.</summary>
    private int Copy(int node, Adding adding)
    {
        NodeTable layer = adding.Layer;
        ref readonly Node own = ref layer[node];
        bool isDevice = (own.Mode & NodeKind.Mask) is NodeKind.CharacterDevice or NodeKind.BlockDevice;
        int copy = NodeKind.IsLink(own.Mode) ? Table.AddLink(own, layer.Target(node))
            : Table.Add(isDevice ? own with { Mode = (own.Mode & ~NodeKind.Mask) | NodeKind.File, Size = 0, Source = adding.Source } : own with { Source = adding.Source });
        adding.Nodes[node] = copy;
        KeepAttributes(node, copy, layer);
        return copy;
    }

    private void KeepAttributes(int from, int into, NodeTable layer)
    {
        if (layer.Attributes.Count > 0 && layer.Attributes.TryGetValue(from, out ImmutableArray<(byte[] Name, byte[] Value)> attributes))
        {
            Table.Attributes[into] = [.. attributes.Where(attribute => !attribute.Name.AsSpan().StartsWith("user.overlay."u8))];
        }
    }

    /// <summary>A layer on its way into the tree.</summary>
    private sealed class Adding(LayerTree layer, int source)
    {
        private static readonly HashSet<string> Nothing = [];
        private readonly ILookup<int, NameInDirectory> _whiteouts = layer.Whiteouts.ToLookup(name => name.Directory);

        internal NodeTable Layer { get; } = layer.Table;

        internal int Source { get; } = source;

        internal HashSet<int> Opaques { get; } = [.. layer.Opaques];

        /// <summary>What its nodes became; 0 for nothing yet, since the root is no file.</summary>
        internal int[] Nodes { get; } = new int[layer.Table.Count];

        /// <summary>Names that it removes from a directory, one char per byte.</summary>
        internal HashSet<string> Removed(int directory) => _whiteouts.Contains(directory) ? [.. _whiteouts[directory].Select(name => Encoding.Latin1.GetString(name.Name))] : Nothing;
    }
}
