using GridWrapper.Layers;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>A few of the things that the layers of a stack remove, for its self-test. Pure.</summary>
internal static class RootRemovals
{
    private const int PerLayer = 2;
    private const int AtMost = 12;

    /// <param name="directories">The stack, topmost first.</param>
    internal static ImmutableArray<LayerRemoval> Of(ImmutableArray<string> directories, IEnumerable<StoredLayer> layers) => Chosen(
        directories,
        layers.Select(l => new Marks(l.Tree, [.. l.Index.Whiteouts.Take(PerLayer).Select(w => w.Latin1)], [.. l.Index.Opaques.Where(o => !o.IsRoot).Take(1).Select(o => o.Latin1)])));

    /// <summary>The same of pieces from several sources.</summary>
    /// <param name="indexOf">What a walk found in a layer of CVMFS.</param>
    internal static ImmutableArray<LayerRemoval> Of(ImmutableArray<string> directories, ImmutableArray<HybridStack.Piece> pieces, Func<HybridPart.InCvmfs, CvmfsLayerIndex> indexOf) =>
    [
        .. Of(directories, pieces.Select(p => p.Stored).OfType<StoredLayer>()),
        .. Chosen(directories, pieces.Where(p => p.Cvmfs is not null).Select(p => (p.Tree, Index: indexOf(p.Cvmfs!))).Select(p =>
            new Marks(p.Tree, [.. p.Index.Whiteouts.Take(PerLayer)], [.. p.Index.Opaques.Where(o => o.Length > 0).Take(1)]))),
    ];

    private static ImmutableArray<LayerRemoval> Chosen(ImmutableArray<string> directories, IEnumerable<Marks> layers) =>
    [
        .. layers.Select(l => (Layer: directories.IndexOf(l.Tree), Marks: l))
            .Where(l => l.Layer >= 0)
            .SelectMany(l => l.Marks.Whiteouts.Select(w => new LayerRemoval(l.Layer, w, Opaque: false)).Concat(l.Marks.Opaques.Select(o => new LayerRemoval(l.Layer, o, Opaque: true))))
            .Take(AtMost),
    ];

    private sealed record Marks(string Tree, ImmutableArray<string> Whiteouts, ImmutableArray<string> Opaques);
}
