using GridWrapper.Layers;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>A few of the things that the layers of a stack remove, for its self-test. Pure.</summary>
internal static class RootRemovals
{
    private const int PerLayer = 2;
    private const int AtMost = 12;

    /// <param name="directories">The stack, topmost first.</param>
    internal static ImmutableArray<LayerRemoval> Of(ImmutableArray<string> directories, IEnumerable<StoredLayer> layers)
    {
        List<LayerRemoval> chosen = [];
        foreach (StoredLayer layer in layers)
        {
            Add(chosen, directories.IndexOf(layer.Tree), Texts(layer.Index.Whiteouts), Texts(layer.Index.Opaques));
        }

        return [.. chosen];
    }

    /// <summary>The same of pieces from several sources.</summary>
    /// <param name="indexOf">What a walk found in a layer of CVMFS.</param>
    internal static ImmutableArray<LayerRemoval> Of(ImmutableArray<string> directories, ImmutableArray<HybridStack.Piece> pieces, Func<HybridPart.InCvmfs, CvmfsLayerIndex> indexOf)
    {
        List<LayerRemoval> stated = [];
        List<LayerRemoval> chosen = [];
        foreach (HybridStack.Piece piece in pieces)
        {
            if (piece.Local is { } local)
            {
                Add(stated, directories.IndexOf(piece.Tree), Texts(local.Whiteouts), Texts(local.Opaques));
            }
            else if (piece.Cvmfs is not null)
            {
                CvmfsLayerIndex index = indexOf(piece.Cvmfs);
                Add(chosen, directories.IndexOf(piece.Tree), index.Whiteouts, index.Opaques);
            }
        }

        return [.. stated, .. chosen];
    }

    private static void Add(List<LayerRemoval> chosen, int layer, IEnumerable<string> whiteouts, IEnumerable<string> opaques)
    {
        if (layer >= 0)
        {
            IEnumerable<LayerRemoval> marks = whiteouts.Take(PerLayer).Select(w => new LayerRemoval(layer, w, Opaque: false))
                .Concat(opaques.Where(o => o.Length > 0).Take(1).Select(o => new LayerRemoval(layer, o, Opaque: true)));
            chosen.AddRange(marks.Take(AtMost - chosen.Count));
        }
    }

    /// <summary>A few of them. A loop: queries over values are compiled anew at each start.</summary>
    private static List<string> Texts(ImmutableArray<EntryPath> paths)
    {
        List<string> texts = [];
        foreach (EntryPath path in paths)
        {
            if (texts.Count > PerLayer)
            {
                break;
            }

            texts.Add(path.Latin1);
        }

        return texts;
    }
}
