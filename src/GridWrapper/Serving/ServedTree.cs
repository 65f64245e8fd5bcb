namespace GridWrapper.Serving;

/// <summary>What all readers of one server share: the tree, as nobody changes it any more, and what was agreed with the kernel.</summary>
/// <param name="root">What is served.</param>
/// <param name="uid">Whom everything belongs to, as the mounter's user namespace numbers it.</param>
/// <param name="gid">The same for groups.</param>
internal sealed class ServedTree(ServedRoot root, uint uid, uint gid)
{
    private const long BlockSize = 4096;
    private const long Most = 1L << 50;

    private FuseTerms? _terms;

    internal NodeTable Table => root.Table;

    internal uint Uid => uid;

    internal uint Gid => gid;

    internal FirstTouches Touches { get; } = new(root.Table.Count);

    /// <summary>Null until the kernel has asked.</summary>
    internal FuseTerms? Terms
    {
        get => Volatile.Read(ref _terms);
        set => Volatile.Write(ref _terms, value);
    }

    /// <summary>Where no node has any, the kernel need not ask.</summary>
    internal bool HasAttributes { get; } = root.Table.Attributes.Count > 0;

    /// <summary>All files together, in blocks of 4 KiB.</summary>
    internal long Blocks { get; } = Sum(root.Table);

    /// <summary>Null for a number that is nobody's.</summary>
    internal FileSource? Source(int number) => number >= 0 && number < root.Sources.Length ? root.Sources[number] : null;

    /// <summary>
    /// Devices have no use below a mount that forbids them, and a character device without a number means a removed name to an overlay above: they are empty files, unless they are meant to
    /// remove something.
    /// </summary>
    internal uint Mode(in Node node) => !root.IsStack && ((node.Mode & NodeKind.Mask) is NodeKind.CharacterDevice or NodeKind.BlockDevice) ? (node.Mode & ~NodeKind.Mask) | NodeKind.File : node.Mode;

    internal static long Size(in Node node) => NodeKind.IsFile(node.Mode) || NodeKind.IsLink(node.Mode) ? node.Size : 0;

    private static long Sum(NodeTable table)
    {
        long blocks = 0;
        foreach (ref readonly Node node in table.Nodes)
        {
            blocks = Math.Min(blocks + (Size(node) / BlockSize) + 1, Most);
        }

        return blocks;
    }
}
