using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Probing;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Strategies;

/// <summary>
/// The order of lower directories for a stack of layers of this node, unpacked and packed, and of CVMFS, and the corners in which overlay's merging would not be the image's meaning:
/// a directory that a layer only implies lies on something that is none.
/// </summary>
internal sealed class HybridStack(CacheDirectory cache)
{
    /// <summary>The kernel takes 500, and one is the scaffold.</summary>
    internal const int MaxDirectories = LayerStack.MaxDirectories;

    /// <summary>What <see cref="LayerExtractor"/> gives directories that the archive did not name.</summary>
    private const uint ImpliedMode = 0x1ED;

    /// <summary>Directories that layers of the stack take for granted below them; what they are in layers of CVMFS is asked of a probe child.</summary>
    internal static ImmutableArray<string> Claims(IEnumerable<Piece> pieces) => [.. pieces.SelectMany(p => p.Claims).Append("").Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The topmost layer that lies on something it takes for a directory and that is none, and the reason; null if there is no such layer.</summary>
    /// <param name="topFirst">All pieces.</param>
    /// <param name="places">What the claims are in the trees of CVMFS: by tree and path.</param>
    internal static (Piece Piece, string Reason)? FindCorner(ImmutableArray<Piece> topFirst, IReadOnlyDictionary<(string Tree, string Path), string> places)
    {
        for (int i = 0; i < topFirst.Length; i++)
        {
            foreach (Piece lower in topFirst.Skip(i + 1))
            {
                foreach (string claim in topFirst[i].Claims)
                {
                    string place = lower.Local is { } local ? local.Look(claim) : places.GetValueOrDefault((lower.Tree, claim), PlaceCheck.Nothing);
                    if (Contradicts(topFirst[i], lower, claim, place) is { } reason)
                    {
                        return (topFirst[i], reason);
                    }
                }
            }
        }

        return null;
    }

    /// <summary>Lower directories, topmost first.</summary>
    /// <param name="topFirst">All pieces.</param>
    /// <param name="parentsOf">Makes a directory that holds the parents of the whiteouts of a layer of this node. It comes below that layer: overlay hides whiteouts from
    /// listings only where a directory exists in more than one layer, and what lies further below may be none.</param>
    internal static ImmutableArray<string> Directories(ImmutableArray<Piece> topFirst, Func<Meaning, string> parentsOf)
    {
        // Overlay does not look at the root's own opaque mark; what it hides is left out.
        int hider = topFirst.Select(p => p.HidesAll).ToList().IndexOf(true);
        ImmutableArray<Piece> pieces = hider < 0 ? topFirst : topFirst[..(hider + 1)];
        List<string> directories = [];
        for (int i = 0; i < pieces.Length; i++)
        {
            bool bottom = i == pieces.Length - 1;
            directories.AddRange(pieces[i].Mask is { } mask ? [mask] : []);
            directories.Add(pieces[i].Tree);
            directories.AddRange(pieces[i].Hide is { } hide && !bottom ? [hide] : []);
            directories.AddRange(pieces[i].Local is { Whiteouts.Length: > 0 } local ? [parentsOf(local)] : []);
        }

        return [.. directories];
    }

    internal static Piece Of(StoredLayer layer) => new(layer.Tree)
    {
        Local = new Meaning(layer.DiffId, layer.Index.Whiteouts, layer.Index.Opaques, path => Look(layer.Tree, path)),
        HidesAll = layer.Index.Opaques.Contains(EntryPath.Root),
        Claims = [.. layer.Index.Implied.Where(p => !p.IsRoot).Select(p => p.Latin1)],
        Fault = layer.Index.OverlayReady ? null : NotReady(layer.DiffId),
    };

    internal static string NotReady(Digest diffId) => $"layer {diffId} has removals or links that overlay cannot express on this file system";

    internal Piece Of(HybridPart.InCvmfs part, CvmfsLayerIndex index) => new(part.Layer.Tree)
    {
        Cvmfs = part,
        Mask = LayerShims.Mask(cache, part),
        Hide = index.Whiteouts.IsEmpty && index.Opaques.All(o => o.Length == 0) ? null : LayerShims.Hide(cache, part),
        HidesAll = index.Opaques.Contains(""),

        // Whether the archive named these directories is not known. In practice the question arises in the root only, where lib and the like are links.
        Claims = index.RootDirectories,
    };

    private static string? Contradicts(Piece upper, Piece lower, string claim, string place)
    {
        string[] words = place.Split(' ');
        if (words[0] == PlaceCheck.Link || (words[0] == PlaceCheck.Other && upper.Local is not null))
        {
            return $"'{EntryPath.ForPeople(Encoding.Latin1.GetBytes(claim))}' is a directory in one layer and something else in a lower one";
        }

        // What a layer of this node claims it implies.
        bool stated = words[0] == PlaceCheck.Directory && !(lower.Local is not null && lower.Claims.Contains(claim));
        return upper.Local is not null && stated && Convert.ToUInt32(words[1], 8) != ImpliedMode ? $"a layer does not state the mode of '{EntryPath.ForPeople(Encoding.Latin1.GetBytes(claim))}'" : null;
    }

    /// <summary>In an unpacked layer, as <see cref="PlaceCheck"/> says it of one in CVMFS.</summary>
    private static string Look(string tree, string path)
    {
        using SafeFileHandle root = At.OpenDirectory(tree);
        return PlaceCheck.Look(root, path);
    }

    /// <summary>What a layer of this node, unpacked or packed, does to those below it.</summary>
    /// <param name="Look">What a path is in it, as <see cref="PlaceCheck"/> says it.</param>
    internal sealed record Meaning(Digest DiffId, ImmutableArray<EntryPath> Whiteouts, ImmutableArray<EntryPath> Opaques, Func<string, string> Look);

    /// <summary>One directory of the stack with what belongs to it.</summary>
    internal sealed record Piece(string Tree)
    {
        /// <summary>Null for what lies in CVMFS.</summary>
        public Meaning? Local { get; init; }

        public HybridPart.InCvmfs? Cvmfs { get; init; }

        public string? Mask { get; init; }

        public string? Hide { get; init; }

        /// <summary>It removes everything below it.</summary>
        public bool HidesAll { get; init; }

        public ImmutableArray<string> Claims { get; init; } = [];

        /// <summary>Why it cannot be stacked.</summary>
        public string? Fault { get; init; }
    }
}
