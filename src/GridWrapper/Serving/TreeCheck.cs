using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>Whether a table of files that was read is a tree: what walks down it must come to an end.</summary>
internal static class TreeCheck
{
    private const int MaxDepth = EntryPath.MaxDepth + 1;

    /// <exception cref="InvalidDataException">It is none, or holds what no layer can have.</exception>
    internal static void Demand(NodeTable table)
    {
        bool[] seen = new bool[table.Count];
        var pending = new Stack<(int Directory, int Depth)>();
        pending.Push((NodeTable.Root, 0));
        while (pending.TryPop(out (int Directory, int Depth) place))
        {
            for (int entry = table.NextEntry(place.Directory, NodeTable.None); entry >= 0; entry = table.NextEntry(place.Directory, entry))
            {
                int node = table.Entries[entry].Node;
                uint kind = table[node].Mode & NodeKind.Mask;
                bool isDirectory = kind == NodeKind.Directory;
                if (table.Entries[entry].Directory != place.Directory || kind is not (NodeKind.Directory or NodeKind.File or NodeKind.Link or NodeKind.Fifo)
                    || (isDirectory && (node == NodeTable.Root || seen[node] || table[node].Parent != place.Directory || place.Depth >= MaxDepth)) || !IsName(table.Name(entry)))
                {
                    throw new InvalidDataException("a table of files is not a tree");
                }

                if (isDirectory)
                {
                    seen[node] = true;
                    pending.Push((node, place.Depth + 1));
                }
            }
        }
    }

    private static bool IsName(ReadOnlySpan<byte> name) => !name.ContainsAny((byte)'/', (byte)0) && !name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8);
}
