using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Probing;
using GridWrapper.Serving;

namespace GridWrapper.Strategies;

/// <summary>The packed layers of a stack: directories of one tree that this process will serve.</summary>
/// <param name="mount">Where it will be served; nothing is there before.</param>
internal sealed class HybridServing(string mount)
{
    private readonly ServedStack _stack = new();
    private readonly Lazy<InflatePool> _pool = PackedLayer.NewPool();
    private readonly List<FileSource> _sources = [];
    private readonly Dictionary<Digest, (HybridStack.Piece Piece, string Kept)> _pieces = [];

    /// <summary>Where a launch has the served tree of an image.</summary>
    internal static string Mount(string cacheDirectory) => cacheDirectory + "/mount";

    /// <summary>Where a layer will be.</summary>
    internal static string Directory(string mount, Digest diffId) => $"{mount}/{diffId.Hex}";

    /// <summary>The layer as a piece of a stack. What it is in the tree, and that its files are open, stays for later rounds.</summary>
    /// <exception cref="Diagnostics.GridWrapperException">It cannot be read.</exception>
    internal HybridStack.Piece Of(PackedLayer layer)
    {
        if (_pieces.TryGetValue(layer.DiffId, out (HybridStack.Piece Piece, string Kept) made))
        {
            return made.Piece;
        }

        try
        {
            LayerPaths paths = new(layer.Tree);
            ImmutableArray<EntryPath> opaques = paths.Opaques;
            _sources.Add(layer.Open(_pool));
            int directory = _stack.Add(layer.DiffId.Hex, layer.Tree, _sources.Count - 1);
            HybridStack.Piece piece = new(Directory(mount, layer.DiffId))
            {
                Local = new HybridStack.Meaning(layer.DiffId, paths.Whiteouts, opaques, path => Look(_stack.Table, directory, path)),
                HidesAll = opaques.Contains(EntryPath.Root),
                Claims = [.. paths.Implied.Where(path => !path.IsRoot).Select(path => path.Latin1)],
                Fault = layer.Tree.Borrowed.IsEmpty ? null : HybridStack.NotReady(layer.DiffId),
            };
            _pieces[layer.DiffId] = (piece, layer.Directory);
            return piece;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw LayerFault.Storage($"opening the packed layer {layer.DiffId}", layer.Directory, e as IOException ?? new IOException(e.Message, e));
        }
    }

    /// <summary>The lower directories that will be served, with what each shows; null for none.</summary>
    internal IReadOnlyDictionary<string, string>? Kept(ImmutableArray<string> directories) =>
        _pieces.Values.Where(made => directories.Contains(made.Piece.Tree)).ToDictionary(made => made.Piece.Tree, made => made.Kept, StringComparer.Ordinal) is { Count: > 0 } kept ? kept : null;

    internal ServedRoot Root() => new(_stack.Table, [.. _sources]) { IsStack = true };

    internal void Close() => _sources.ForEach(source => source.Dispose());

    /// <summary>As <see cref="PlaceCheck"/> says it of a layer in a directory.</summary>
    private static string Look(NodeTable table, int root, string path)
    {
        int at = root;
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            at = table.Find(at, Encoding.Latin1.GetBytes(name));
            if (at < 0 || !NodeKind.IsDirectory(table[at].Mode))
            {
                return at < 0 ? PlaceCheck.Nothing : NodeKind.IsLink(table[at].Mode) ? PlaceCheck.Link : PlaceCheck.Other;
            }
        }

        return $"{PlaceCheck.Directory} {Convert.ToString(table[at].Mode & 0xFFF, 8)}";
    }
}
