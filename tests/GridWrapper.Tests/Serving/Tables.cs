using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>Looking into served roots and trees.</summary>
internal static class Tables
{
    /// <summary>A file by its path; in a tree that was read names can only be listed.</summary>
    internal static int Find(LayerTree tree, string path)
    {
        int at = NodeTable.Root;
        foreach (string name in path.Split('/'))
        {
            int entry = tree.Table.NextEntry(at, NodeTable.None);
            while (Encoding.Latin1.GetString(tree.Table.Name(entry)) != name)
            {
                entry = tree.Table.NextEntry(at, entry);
            }

            at = tree.Table.Entries[entry].Node;
        }

        return at;
    }

    /// <summary>All of a file, from its source.</summary>
    internal static byte[] Content(ServedRoot root, Node node)
    {
        byte[] content = new byte[node.Size];
        int errno = root.Sources[node.Source].Read(node.Data, 0, content);
        return errno == 0 ? content : throw new IOException($"errno {errno}");
    }
}
