using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>
/// Finds directories of a table of files by path. Symbolic links on the way are resolved inside the tree: "/" is its root and ".." stops there. The same rules, refusals
/// and words as <see cref="TreeWalker"/> has for trees on disk.
/// </summary>
internal sealed class NodeWalker(NodeTable table)
{
    /// <summary>As many links as Linux follows in one path.</summary>
    private const int MaxLinks = 40;

    /// <summary>Entries on the way from the root to where the last walk ended.</summary>
    private readonly int[] _way = new int[EntryPath.MaxDepth + 1];
    private int _depth;

    /// <summary>Told of every directory that had to be made on the way.</summary>
    internal Action<int>? Created { get; init; }

    /// <summary>Permissions of those directories.</summary>
    internal uint CreatedMode { get; init; } = 0x1ED;

    /// <summary>The directory at a path.</summary>
    /// <param name="create">Make what is missing; otherwise <see cref="NodeTable.None"/> is returned for a missing directory.</param>
    /// <exception cref="InvalidDataException">Something on the way is neither a directory nor a link to one, or the links go in circles.</exception>
    internal int Walk(ReadOnlySpan<byte> path, bool create) => Walk(path, create, NodeTable.Root);

    /// <summary>The same from a directory on; <see cref="PathOf"/> and the limit of depth are relative to it then.</summary>
    internal int Walk(ReadOnlySpan<byte> path, bool create, int from)
    {
        _depth = 0;
        int at = from;
        int links = 0;
        for (ReadOnlySpan<byte> rest = path; !rest.IsEmpty;)
        {
            int slash = rest.IndexOf((byte)'/');
            ReadOnlySpan<byte> name = slash < 0 ? rest : rest[..slash];
            rest = slash < 0 ? [] : rest[(slash + 1)..];
            if (name.IsEmpty || name.SequenceEqual("."u8))
            {
                continue;
            }

            if (name.SequenceEqual(".."u8))
            {
                at = Up(at);
                continue;
            }

            int entry = Child(at, name, create);
            if (entry < 0)
            {
                return NodeTable.None;
            }

            int child = table.Entries[entry].Node;
            if (NodeKind.IsLink(table[child].Mode))
            {
                ReadOnlySpan<byte> target = table.Target(child);
                if (++links > MaxLinks)
                {
                    throw new InvalidDataException($"the way to '{EntryPath.ForPeople(path)}' goes through more than {MaxLinks} symbolic links");
                }

                at = target is [(byte)'/', ..] ? Top() : at;
                rest = (byte[])[.. target, (byte)'/', .. rest];
            }
            else
            {
                at = NodeKind.IsDirectory(table[child].Mode) ? Down(child, entry) : throw new InvalidDataException($"'{EntryPath.ForPeople(path)}' lies below '{EntryPath.ForPeople(PathOf(name))}', which is not a directory");
            }
        }

        return at;
    }

    /// <summary>Path of something in the directory where the last walk ended, links resolved.</summary>
    internal byte[] PathOf(ReadOnlySpan<byte> name)
    {
        List<byte> path = [];
        for (int i = 0; i < _depth; i++)
        {
            path.AddRange(table.Name(_way[i]));
            path.Add((byte)'/');
        }

        path.AddRange(name);
        return [.. path];
    }

    private int Child(int directory, ReadOnlySpan<byte> name, bool create)
    {
        int entry = table.FindEntry(directory, name);
        if (entry >= 0 || !create)
        {
            return entry;
        }

        if (name.Length > EntryPath.MaxNameBytes)
        {
            throw new InvalidDataException($"a symbolic link leads to '{EntryPath.ForPeople(PathOf(name))}', whose name is longer than {EntryPath.MaxNameBytes} bytes");
        }

        int made = table.Add(new Node { Mode = NodeKind.Directory | CreatedMode });
        table.Set(directory, name, made);
        Created?.Invoke(made);
        return table.FindEntry(directory, name);
    }

    private int Top()
    {
        _depth = 0;
        return NodeTable.Root;
    }

    private int Up(int at)
    {
        _depth = Math.Max(0, _depth - 1);
        return table[at].Parent;
    }

    private int Down(int child, int entry)
    {
        if (_depth == EntryPath.MaxDepth)
        {
            throw new InvalidDataException($"'{EntryPath.ForPeople(PathOf(table.Name(entry)))}' is deeper than {EntryPath.MaxDepth} levels");
        }

        _way[_depth++] = entry;
        return child;
    }
}
