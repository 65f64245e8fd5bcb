namespace GridWrapper.Serving;

/// <summary>
/// A tree of files as flat arrays: nodes, which several names may lead to, and entries, which are the names. Node 0 is the root, a directory. Nothing is allocated per node or
/// per lookup. Several threads may read once nobody changes it any more.
/// </summary>
internal sealed class NodeTable
{
    internal const int Root = 0;

    /// <summary>No such name.</summary>
    internal const int None = -1;

    private Node[] _nodes;
    private TreeEntry[] _entries;
    private byte[] _text;
    private int[] _buckets = [];
    private int _nodeCount;
    private int _entryCount;
    private int _textLength;

    /// <summary>A tree of one empty directory.</summary>
    internal NodeTable()
    {
        _nodes = new Node[256];
        _entries = new TreeEntry[256];
        _text = new byte[4096];
        Rehash(512);
        _ = Add(new Node { Mode = NodeKind.Directory | 0x1ED });
    }

    /// <summary>The same with room for so much, so that it need not grow.</summary>
    internal NodeTable(int nodes, int entries, int textBytes)
    {
        _nodes = new Node[Math.Max(nodes, 256)];
        _entries = new TreeEntry[Math.Max(entries, 256)];
        _text = new byte[Math.Max(textBytes, 4096)];
        Rehash(Buckets(entries));
        _ = Add(new Node { Mode = NodeKind.Directory | 0x1ED });
    }

    /// <summary>A tree as it was written: <see cref="Nodes"/>, <see cref="Entries"/> and <see cref="Text"/> of another.</summary>
    /// <param name="findable">Names will be looked for; otherwise directories can only be listed.</param>
    /// <exception cref="InvalidDataException">A number in it leads out of the arrays.</exception>
    internal NodeTable(Node[] nodes, TreeEntry[] entries, byte[] text, bool findable = true)
    {
        (_nodes, _entries, _text) = (nodes, entries, text);
        (_nodeCount, _entryCount, _textLength) = (nodes.Length, entries.Length, text.Length);
        Check();
        if (findable)
        {
            Rehash(Buckets(_entryCount));
        }
    }

    internal ReadOnlySpan<Node> Nodes => _nodes.AsSpan(0, _nodeCount);

    internal ReadOnlySpan<TreeEntry> Entries => _entries.AsSpan(0, _entryCount);

    internal ReadOnlySpan<byte> Text => _text.AsSpan(0, _textLength);

    internal int Count => _nodeCount;

    /// <summary>Extended attributes of the few nodes that have any.</summary>
    internal Dictionary<int, ImmutableArray<(byte[] Name, byte[] Value)>> Attributes { get; } = [];

    /// <summary>Valid until the next <see cref="Add(in Node)"/>.</summary>
    internal ref Node this[int node] => ref _nodes.AsSpan(0, _nodeCount)[node];

    internal ReadOnlySpan<byte> Name(int entry) => _text.AsSpan(_entries[entry].NameStart, _entries[entry].NameLength);

    /// <summary>Target of a symbolic link.</summary>
    internal ReadOnlySpan<byte> Target(int node) => _text.AsSpan((int)_nodes[node].Data, (int)_nodes[node].Size);

    /// <summary>Adds a node that no name leads to yet.</summary>
    internal int Add(in Node node)
    {
        if (_nodeCount == _nodes.Length)
        {
            Array.Resize(ref _nodes, _nodeCount * 2);
        }

        _nodes[_nodeCount] = node;
        _nodes[_nodeCount].FirstEntry = None;
        _nodes[_nodeCount].LastEntry = None;
        _nodes[_nodeCount].Links = 0;
        return _nodeCount++;
    }

    /// <summary>Adds a symbolic link that no name leads to yet.</summary>
    internal int AddLink(in Node node, ReadOnlySpan<byte> target) => Add(node with { Data = AddText(target), Size = target.Length });

    /// <summary>The node that a name in a directory leads to, <see cref="None"/> where there is no such name.</summary>
    internal int Find(int directory, ReadOnlySpan<byte> name)
    {
        int entry = FindEntry(directory, name, out _);
        return entry < 0 ? None : _entries[entry].Node;
    }

    /// <summary>The entry of a name in a directory, <see cref="None"/> where there is no such name.</summary>
    internal int FindEntry(int directory, ReadOnlySpan<byte> name)
    {
        int entry = FindEntry(directory, name, out _);
        return entry < 0 || _entries[entry].Node < 0 ? None : entry;
    }

    /// <summary>Lets a name lead to a node; what it led to before is removed with all below it.</summary>
    /// <returns>Whether there was something else.</returns>
    internal bool Set(int directory, ReadOnlySpan<byte> name, int node)
    {
        int entry = FindEntry(directory, name, out int bucket);
        bool replaced = entry >= 0 && _entries[entry].Node >= 0;
        if (entry >= 0)
        {
            if (_entries[entry].Node == node)
            {
                return false;
            }

            Leave(_entries[entry].Node);
            _entries[entry].Node = node;
        }
        else
        {
            Append(directory, name, node, bucket);
        }

        _nodes[node].Links++;
        if (NodeKind.IsDirectory(_nodes[node].Mode))
        {
            _nodes[node].Parent = directory;
        }

        return replaced;
    }

    /// <summary>Removes a name with all below it; false where there is none.</summary>
    internal bool Remove(int directory, ReadOnlySpan<byte> name)
    {
        int entry = FindEntry(directory, name, out _);
        if (entry < 0 || _entries[entry].Node < 0)
        {
            return false;
        }

        Leave(_entries[entry].Node);
        _entries[entry].Node = None;
        return true;
    }

    /// <summary>Removes everything in a directory.</summary>
    internal void Clear(int directory)
    {
        for (int entry = _nodes[directory].FirstEntry; entry >= 0; entry = _entries[entry].Next)
        {
            Leave(_entries[entry].Node);
            _entries[entry].Node = None;
        }
    }

    /// <summary>The entry of a directory after the given one, <see cref="None"/> at the end; begins with <see cref="None"/>.</summary>
    internal int NextEntry(int directory, int entry)
    {
        int next = entry < 0 ? _nodes[directory].FirstEntry : _entries[entry].Next;
        while (next >= 0 && _entries[next].Node < 0)
        {
            next = _entries[next].Next;
        }

        return next;
    }

    private void Append(int directory, ReadOnlySpan<byte> name, int node, int bucket)
    {
        if (_entryCount == _entries.Length)
        {
            Array.Resize(ref _entries, _entryCount * 2);
        }

        int last = _nodes[directory].LastEntry;
        _entries[_entryCount] = new TreeEntry { Directory = directory, NameStart = AddText(name), NameLength = name.Length, Node = node, Next = None };
        if (last < 0)
        {
            _nodes[directory].FirstEntry = _entryCount;
        }
        else
        {
            _entries[last].Next = _entryCount;
        }

        _nodes[directory].LastEntry = _entryCount;
        _buckets[bucket] = ++_entryCount;
        if (_entryCount * 2 > _buckets.Length)
        {
            Rehash(_buckets.Length * 2);
        }
    }

    /// <summary>A name fewer leads to a node; of a directory everything goes with it.</summary>
    private void Leave(int node)
    {
        if (node < 0)
        {
            return;
        }

        _nodes[node].Links--;
        if (NodeKind.IsDirectory(_nodes[node].Mode))
        {
            Clear(node);
        }
    }

    private int AddText(ReadOnlySpan<byte> text)
    {
        if (_textLength + text.Length > _text.Length)
        {
            Array.Resize(ref _text, Math.Max(_text.Length * 2, _textLength + text.Length));
        }

        text.CopyTo(_text.AsSpan(_textLength));
        _textLength += text.Length;
        return _textLength - text.Length;
    }

    /// <summary>Entries stand in the buckets by number plus one; a removed name keeps its place.</summary>
    private int FindEntry(int directory, ReadOnlySpan<byte> name, out int bucket)
    {
        int mask = _buckets.Length - 1;
        for (bucket = Hash(directory, name) & mask; _buckets[bucket] != 0; bucket = (bucket + 1) & mask)
        {
            ref readonly TreeEntry entry = ref _entries[_buckets[bucket] - 1];
            if (entry.Directory == directory && entry.NameLength == name.Length && name.SequenceEqual(_text.AsSpan(entry.NameStart, entry.NameLength)))
            {
                return _buckets[bucket] - 1;
            }
        }

        return None;
    }

    private static int Hash(int directory, ReadOnlySpan<byte> name)
    {
        unchecked
        {
            ulong hash = 0xCBF29CE484222325 ^ (uint)directory;
            foreach (byte b in name)
            {
                hash = (hash ^ b) * 0x100000001B3;
            }

            return (int)((hash * 0x9E3779B97F4A7C15) >> 33);
        }
    }

    /// <summary>At most half of them are in use.</summary>
    private static int Buckets(int entries)
    {
        int buckets = 512;
        while (buckets < entries * 2L && buckets < 1 << 30)
        {
            buckets *= 2;
        }

        return buckets;
    }

    private void Rehash(int buckets)
    {
        _buckets = new int[buckets];
        for (int i = 0; i < _entryCount; i++)
        {
            int bucket = Hash(_entries[i].Directory, Name(i)) & (buckets - 1);
            while (_buckets[bucket] != 0)
            {
                bucket = (bucket + 1) & (buckets - 1);
            }

            _buckets[bucket] = i + 1;
        }
    }

    private void Check()
    {
        bool sound = _nodeCount > 0 && NodeKind.IsDirectory(_nodes[Root].Mode);
        foreach (ref readonly Node node in Nodes)
        {
            bool isLink = NodeKind.IsLink(node.Mode);
            sound &= node.FirstEntry >= None && node.FirstEntry < _entryCount && node.LastEntry >= None && node.LastEntry < _entryCount && node.Parent >= 0 && node.Parent < _nodeCount
                && node.Size >= 0 && (!isLink || (node.Data >= 0 && node.Size <= _textLength && node.Data <= _textLength - node.Size));
        }

        for (int i = 0; i < _entryCount; i++)
        {
            ref readonly TreeEntry entry = ref _entries[i];

            // Forward only, so that no list of names goes in circles.
            sound &= entry.Directory >= 0 && entry.Directory < _nodeCount && entry.NameLength is > 0 and <= 255 && entry.NameStart >= 0 && entry.NameStart <= _textLength - entry.NameLength
                && entry.Node >= None && entry.Node < _nodeCount && (entry.Next == None || (entry.Next > i && entry.Next < _entryCount));
        }

        if (!sound)
        {
            throw new InvalidDataException("a table of files leads out of itself");
        }
    }
}
