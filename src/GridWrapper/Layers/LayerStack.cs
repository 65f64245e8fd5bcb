using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// Puts layers in order for an overlay mount. The kernel merges correctly except in corners that are looked for here; an image with such a corner is flattened.
/// At the very bottom comes a directory of our own that holds the parents of all whiteouts: overlay hides whiteouts from listings only
/// in directories that exist in more than one layer.
/// </summary>
internal static class LayerStack
{
    /// <summary>OVL_MAX_STACK, less one for the mount points that a launcher adds.</summary>
    internal const int MaxDirectories = 499;

    /// <summary>The same less one for the base.</summary>
    internal const int MaxLayers = MaxDirectories - 1;

    /// <summary>What <see cref="LayerExtractor"/> gives directories that the archive did not name.</summary>
    private const uint ImpliedMode = 0x1ED;

    /// <summary>The layers to be stacked, topmost first: of a layer that occurs twice the topmost occurrence hides the other completely.</summary>
    internal static ImmutableArray<Digest> Order(IEnumerable<Digest> baseFirst) => [.. baseFirst.Reverse().Distinct()];

    /// <summary>Lower directories, topmost first, or the reason why these layers cannot be stacked.</summary>
    /// <param name="topFirst">Distinct layers.</param>
    internal static (ImmutableArray<string> Directories, string Refusal) Build(CacheDirectory cache, Digest config, ImmutableArray<StoredLayer> topFirst)
    {
        // Overlay does not look at the root's own opaque mark; what it hides is left out.
        StoredLayer? hider = topFirst.FirstOrDefault(layer => layer.Index.Opaques.Contains(EntryPath.Root));
        ImmutableArray<StoredLayer> layers = hider is null ? topFirst : topFirst[..(topFirst.IndexOf(hider) + 1)];
        StoredLayer? bare = layers.FirstOrDefault(layer => !layer.Index.OverlayReady);
        if (bare is not null || layers.Length > MaxLayers)
        {
            return ([], bare is null ? $"{layers.Length} layers are more than the kernel stacks" : $"layer {bare.DiffId} has removals or links that overlay cannot express on this file system");
        }

        for (int i = 0; i < layers.Length; i++)
        {
            if (FindCorner(layers[i], layers[(i + 1)..]) is { } corner)
            {
                return ([], corner);
            }
        }

        MakeBase(cache.StackBase(config), layers);
        List<string> directories = [];
        for (int i = 0; i < layers.Length; i++)
        {
            directories.Add(layers[i].Tree);
            if (IsCutOff(layers[i], layers[(i + 1)..]))
            {
                string own = $"{cache.StackBase(config)}-{layers[i].DiffId.Hex}";
                MakeBase(own, [layers[i]]);
                directories.Add(own);
            }
        }

        return directories.Count <= MaxLayers ? ([.. directories, cache.StackBase(config)], "") : ([], $"{directories.Count} directories are more than the kernel stacks");
    }

    /// <summary>A layer between this one and the base makes a directory opaque above a whiteout's parent, so that the base does not count there.</summary>
    private static bool IsCutOff(StoredLayer layer, ImmutableArray<StoredLayer> below) =>
        layer.Index.Whiteouts.Any(whiteout => below.Any(lower => lower.Index.Opaques.Any(opaque => whiteout.Parent.IsBelow(opaque))));

    private static string? FindCorner(StoredLayer layer, ImmutableArray<StoredLayer> below)
    {
        List<EntryPath> directories = NeededDirectories(layer.Index);
        foreach (StoredLayer lower in directories.Count > 0 ? below : [])
        {
            using SafeFileHandle root = At.OpenDirectory(lower.Tree);
            using var walker = new TreeWalker(root);
            foreach (EntryPath path in directories)
            {
                if (!IsDirectoryOrNothing(walker, path, out SafeFileHandle? directory))
                {
                    return $"'{path}' is a directory in layer {layer.DiffId} and something else in layer {lower.DiffId}";
                }

                bool speaks = directory is not null && layer.Index.Implied.Contains(path) && !lower.Index.Implied.Contains(path);
                if (speaks && At.Stat(directory!, [], out FileStat stat) == 0 && stat.Permissions != ImpliedMode)
                {
                    return $"layer {layer.DiffId} does not state the mode of '{path}'";
                }
            }
        }

        return null;
    }

    /// <summary>What must be a directory in the layers below, or not be there: what a layer only implies, and where it removes something.</summary>
    private static List<EntryPath> NeededDirectories(LayerIndex index)
    {
        List<EntryPath> directories = [.. index.Implied];
        HashSet<string> parents = new(StringComparer.Ordinal);
        foreach (EntryPath whiteout in index.Whiteouts)
        {
            EntryPath parent = whiteout.Parent;
            if (!parent.IsRoot && parents.Add(parent.Latin1))
            {
                directories.Add(parent);
            }
        }

        return directories;
    }

    private static bool IsDirectoryOrNothing(TreeWalker walker, EntryPath path, out SafeFileHandle? directory)
    {
        directory = null;
        try
        {
            directory = walker.Open(path, create: false);
            return directory is null || walker.Current == path;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static void MakeBase(string path, ImmutableArray<StoredLayer> layers)
    {
        Directory.CreateDirectory(path);
        using SafeFileHandle root = At.OpenDirectory(path);
        using var walker = new TreeWalker(root);
        HashSet<string> made = new(StringComparer.Ordinal);
        foreach (StoredLayer layer in layers)
        {
            foreach (EntryPath whiteout in layer.Index.Whiteouts)
            {
                EntryPath parent = whiteout.Parent;
                if (made.Add(parent.Latin1))
                {
                    walker.Open(parent, create: true);
                }
            }
        }
    }
}
