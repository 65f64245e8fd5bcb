namespace GridWrapper.Serving;

/// <summary>Paths in a tree, with the meaning that src/init/paths.c gives them: links are followed, none leads out, and what is missing can be made.</summary>
internal static class TreePaths
{
    private const int MostLinks = 40;
    private const uint DirectoryMode = NodeKind.Directory | 0x1ED;
    private const uint FileMode = NodeKind.File | 0x1A4;

    /// <summary>The directory, it and its parents made if missing, also behind links that lead nowhere. What a path leads to that is no directory is returned as well; None where nothing can be there.</summary>
    internal static int MakeDirectory(NodeTable tree, string path)
    {
        Stack<byte[]> rest = new();
        Push(rest, Encoding.UTF8.GetBytes(path));
        int at = NodeTable.Root;
        int links = 0;
        while (rest.TryPop(out byte[]? name))
        {
            if (!NodeKind.IsDirectory(tree[at].Mode) || name.Length > FuseWire.LongestName)
            {
                return NodeTable.None;
            }

            if (name is [(byte)'.', (byte)'.'])
            {
                at = tree[at].Parent;
                continue;
            }

            int next = tree.Find(at, name);
            if (next < 0)
            {
                next = Make(tree, at, name, DirectoryMode);
            }

            if (!NodeKind.IsLink(tree[next].Mode))
            {
                at = next;
                continue;
            }

            ReadOnlySpan<byte> target = tree.Target(next);
            if (++links > MostLinks || target.IsEmpty)
            {
                return NodeTable.None;
            }

            at = target[0] == '/' ? NodeTable.Root : at;
            Push(rest, target);
        }

        return at;
    }

    /// <summary>A file to be mounted on: the entry itself, whatever it is, or an empty file. None where there can be none.</summary>
    internal static int MakeFile(NodeTable tree, string path)
    {
        string trimmed = path.TrimEnd('/');
        int slash = trimmed.LastIndexOf('/');
        byte[] name = Encoding.UTF8.GetBytes(trimmed[(slash + 1)..]);
        int directory = name.Length is 0 or > FuseWire.LongestName ? NodeTable.None : MakeDirectory(tree, trimmed[..Math.Max(slash, 0)]);
        if (directory < 0 || !NodeKind.IsDirectory(tree[directory].Mode))
        {
            return NodeTable.None;
        }

        return tree.Find(directory, name) is var there and >= 0 ? there : Make(tree, directory, name, FileMode);
    }

    private static int Make(NodeTable tree, int directory, byte[] name, uint mode)
    {
        int made = tree.Add(new Node { Mode = mode, Seconds = tree[directory].Seconds, Source = NodeTable.None });
        tree.Set(directory, name, made);
        return made;
    }

    /// <summary>The components of a path, the first on top.</summary>
    private static void Push(Stack<byte[]> rest, ReadOnlySpan<byte> path)
    {
        int end = path.Length;
        while (end > 0)
        {
            int slash = path[..end].LastIndexOf((byte)'/');
            ReadOnlySpan<byte> name = path[(slash + 1)..end];
            if (!name.IsEmpty && !name.SequenceEqual("."u8))
            {
                rest.Push(name.ToArray());
            }

            end = slash;
        }
    }
}
