using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Strategies;

/// <summary>Says of layers from the cache which of them a shared root holds.</summary>
internal static class SharedOrigins
{
    /// <param name="origins">In the manifest's order.</param>
    /// <param name="diffIds">In the same order; empty where they are not known.</param>
    internal static ImmutableArray<LayerOrigin> Mark(ImmutableArray<LayerOrigin> origins, ImmutableArray<Digest> diffIds, IReadOnlyDictionary<Digest, SharedLayer>? shared)
    {
        if (shared is null || diffIds.Length != origins.Length)
        {
            return origins;
        }

        return [.. origins.Zip(diffIds, (origin, diffId) => origin.Source == "cache" && shared.TryGetValue(diffId, out SharedLayer? layer) ? origin with { Root = layer.Root, Unreadable = layer.Unreadable } : origin)];
    }

    /// <summary>Where the tree of a layer lies, or will lie.</summary>
    internal static string TreeOf(Digest diffId, CacheDirectory cache, IReadOnlyDictionary<Digest, SharedLayer>? shared) =>
        (shared is not null && shared.TryGetValue(diffId, out SharedLayer? layer) ? new CacheDirectory(layer.Root) : cache).LayerTree(diffId);

    /// <summary>For the reason of a verdict: ", 3 of them in /shared"; empty where there are none.</summary>
    internal static string Words(IReadOnlyDictionary<Digest, SharedLayer>? shared) => shared is null
        ? ""
        : string.Concat(shared.Values.GroupBy(layer => layer.Root).Select(root => string.Create(CultureInfo.InvariantCulture, $", {root.Count()} of them in {root.Key}")));
}
