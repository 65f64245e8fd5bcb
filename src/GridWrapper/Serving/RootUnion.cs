using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>
/// A tree in the making to which layers are added, base first. What comes out is what <see cref="FlatTree"/> makes on disk: in every directory the layer's removals come before
/// its additions, so the order of entries in the archive does not matter.
/// </summary>
internal sealed class RootUnion
{
    /// <summary>Twice what one layer may have.</summary>
    private const int MaxTextBytes = 1 << 30;
    private const int MaxNodes = 10_000_000;

    /// <summary>What <see cref="TreeWalker"/> gives directories that only a borrowed link asks for.</summary>
    private const uint UnnamedMode = 0x1C0;
    private readonly NodeTable _table;
    private readonly NodeWalker _walker;

    internal RootUnion()
        : this([])
    {
    }

    /// <param name="expected">Layers that will be added: a table that has room for them need not grow.</param>
    internal RootUnion(IReadOnlyCollection<LayerTree> expected)
    {
        long nodes = expected.Sum(layer => (long)layer.Table.Count);
        long entries = expected.Sum(layer => (long)layer.Table.Entries.Length);
        long text = expected.Sum(layer => (long)layer.Table.Text.Length);
        _table = nodes > MaxNodes || entries > MaxNodes || text > MaxTextBytes ? new NodeTable() : new NodeTable((int)nodes, (int)entries, (int)text);
        _walker = new NodeWalker(_table) { CreatedMode = UnnamedMode };
    }

    /// <summary>All layers together; what is added later changes it.</summary>
    internal NodeTable Table => _table;

    /// <summary>Adds a layer on top of the others.</summary>
    /// <param name="source">What <see cref="Node.Source"/> of its files becomes.</param>
    /// <param name="name">Of the layer, for messages.</param>
    /// <exception cref="InvalidDataException">It has a hard link to a file that no layer holds.</exception>
    internal void Add(LayerTree layer, int source, string name)
    {
        if ((long)_table.Text.Length + layer.Table.Text.Length > MaxTextBytes || (long)_table.Count + layer.Table.Count > MaxNodes)
        {
            throw new InvalidDataException($"the layers together hold more than {MaxNodes} entries, or more than {MaxTextBytes} bytes of names and links");
        }

        var adding = new Adding(layer, source);
        int[] borrowed = Borrow(layer, name);
        Merge(NodeTable.Root, NodeTable.Root, isNew: false, adding);
        for (int i = 0; i < borrowed.Length; i++)
        {
            EntryName path = EntryName.Parse(layer.Borrowed[i].Path);
            _table.Set(_walker.Walk(path.Parent, create: true), path.Last, borrowed[i]);
        }
    }

    /// <summary>Takes hold of link targets before this layer's removals.</summary>
    private int[] Borrow(LayerTree layer, string name)
    {
        int[] targets = new int[layer.Borrowed.Length];
        for (int i = 0; i < targets.Length; i++)
        {
            BorrowedName link = layer.Borrowed[i];
            EntryName path = EntryName.Parse(link.Target);
            int parent = _walker.Walk(path.Parent, create: false);
            targets[i] = parent < 0 ? NodeTable.None : _table.Find(parent, path.Last);
            if (targets[i] < 0)
            {
                throw new InvalidDataException($"the hard link '{EntryPath.ForPeople(link.Path)}' in layer {name} points to '{EntryPath.ForPeople(link.Target)}', which no layer holds");
            }

            if (NodeKind.IsDirectory(_table[targets[i]].Mode))
            {
                throw new InvalidDataException($"the hard link '{EntryPath.ForPeople(link.Path)}' points to a directory");
            }
        }

        return targets;
    }

    private void Merge(int from, int into, bool isNew, Adding adding)
    {
        NodeTable layer = adding.Layer;
        if (isNew || !adding.Implied.Contains(from))
        {
            TakeAttributes(from, into, layer);
        }

        RemoveHidden(from, into, adding);
        for (int entry = layer.NextEntry(from, NodeTable.None); entry >= 0; entry = layer.NextEntry(from, entry))
        {
            int node = layer.Entries[entry].Node;
            if (NodeKind.IsDirectory(layer[node].Mode))
            {
                MergeDirectory(entry, into, adding);
            }
            else
            {
                _table.Set(into, layer.Name(entry), adding.Nodes[node] != 0 ? adding.Nodes[node] : Copy(node, adding));
            }
        }
    }

    private void MergeDirectory(int entry, int into, Adding adding)
    {
        int node = adding.Layer.Entries[entry].Node;
        ReadOnlySpan<byte> name = adding.Layer.Name(entry);
        int there = _table.Find(into, name);
        if (there >= 0 && NodeKind.IsLink(_table[there].Mode) && adding.Implied.Contains(node) && Follow(into, name) is var linked and >= 0)
        {
            Merge(node, linked, isNew: false, adding);
            return;
        }

        bool isNew = there < 0 || !NodeKind.IsDirectory(_table[there].Mode);
        if (isNew)
        {
            there = _table.Add(new Node { Mode = NodeKind.Directory });
            _table.Set(into, name, there);
        }

        Merge(node, there, isNew, adding);
    }

    /// <summary>A layer that says nothing of a directory but puts things below it means the directory that is there, be it through a link.</summary>
    private int Follow(int directory, ReadOnlySpan<byte> name)
    {
        try
        {
            int found = _walker.Walk(name, create: false, directory);
            return found < 0 || IsDeep(found) ? NodeTable.None : found;
        }
        catch (InvalidDataException)
        {
            // The link leads nowhere useful; it is replaced.
            return NodeTable.None;
        }
    }

    private bool IsDeep(int directory)
    {
        int depth = 0;
        for (int at = directory; at != NodeTable.Root; at = _table[at].Parent)
        {
            depth++;
        }

        return depth > EntryPath.MaxDepth;
    }

    private void TakeAttributes(int from, int into, NodeTable layer)
    {
        ref readonly Node stated = ref layer[from];
        ref Node node = ref _table[into];
        (node.Mode, node.Seconds, node.Nanoseconds) = (stated.Mode, stated.Seconds, stated.Nanoseconds);
        _table.Attributes.Remove(into);
        KeepAttributes(from, into, layer);
    }

    private void RemoveHidden(int from, int into, Adding adding)
    {
        if (adding.Opaques.Contains(from))
        {
            _table.Clear(into);
        }
        else if (adding.Whiteouts is { } whiteouts)
        {
            foreach (NameInDirectory hidden in whiteouts[from])
            {
                _table.Remove(into, hidden.Name);
            }
        }
    }

    /// <summary>Names of one file stay names of one file.</summary>
    private int Copy(int node, Adding adding)
    {
        NodeTable layer = adding.Layer;
        ref readonly Node own = ref layer[node];
        int copy = NodeKind.IsLink(own.Mode) ? _table.AddLink(own, layer.Target(node)) : _table.Add(own with { Source = adding.Source });
        adding.Nodes[node] = copy;
        KeepAttributes(node, copy, layer);
        return copy;
    }

    private void KeepAttributes(int from, int into, NodeTable layer)
    {
        if (layer.Attributes.Count > 0 && layer.Attributes.TryGetValue(from, out ImmutableArray<(byte[] Name, byte[] Value)> attributes))
        {
            _table.Attributes[into] = attributes;
        }
    }

    /// <summary>A layer on its way into the tree.</summary>
    private sealed class Adding(LayerTree layer, int source)
    {
        internal NodeTable Layer { get; } = layer.Table;

        internal int Source { get; } = source;

        internal HashSet<int> Implied { get; } = [.. layer.Implied];

        internal HashSet<int> Opaques { get; } = [.. layer.Opaques];

        internal ILookup<int, NameInDirectory>? Whiteouts { get; } = layer.Whiteouts.IsEmpty ? null : layer.Whiteouts.ToLookup(name => name.Directory);

        /// <summary>What its nodes became; 0 for nothing yet, since the root is no file.</summary>
        internal int[] Nodes { get; } = new int[layer.Table.Count];
    }
}
