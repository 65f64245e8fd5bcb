using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Strategies;

/// <summary>
/// What is done with more layers than the kernel stacks: the lowest are put together in one directory of the cache, which images with the same lowest layers share, and the
/// others are stacked on it.
/// </summary>
internal static class LayerFold
{
    /// <summary>How many stay layers of their own: half of what the kernel takes, since some layers need a second directory.</summary>
    internal const int Kept = LayerStack.MaxLayers / 2;

    /// <summary>The layers that are stacked, and the key of the directory below them; no key where all are stacked.</summary>
    /// <param name="topFirst">Distinct layers.</param>
    internal static (ImmutableArray<Digest> Stacked, Digest? Folded) Split(ImmutableArray<Digest> topFirst) =>
        topFirst.Length <= LayerStack.MaxLayers ? (topFirst, null) : (topFirst[..Kept], Key(topFirst[Kept..]));

    /// <summary>The same of layers in the cache, the directory made if it is not there.</summary>
    /// <param name="topFirst">Distinct layers.</param>
    /// <param name="flattener">Makes it.</param>
    /// <param name="leases">Holds it.</param>
    /// <param name="ct">Cancels between layers.</param>
    internal static async Task<ImmutableArray<StoredLayer>> FoldAsync(ImmutableArray<StoredLayer> topFirst, Flattener flattener, CacheLeases? leases, CancellationToken ct) =>
        topFirst.Length <= LayerStack.MaxLayers ? topFirst : [.. topFirst[..Kept], await MakeAsync(topFirst[Kept..], flattener, leases, ct)];

    /// <summary>All of these as one layer that removes nothing.</summary>
    internal static async Task<StoredLayer> MakeAsync(ImmutableArray<StoredLayer> topFirst, Flattener flattener, CacheLeases? leases, CancellationToken ct)
    {
        Digest key = Key([.. topFirst.Select(layer => layer.DiffId)]);
        string tree = await flattener.EnsureHeldAsync(key, [.. topFirst.Reverse()], leases, ct);
        return new StoredLayer(key, tree, new LayerIndex { OverlayReady = true }, WasCached: true);
    }

    private static Digest Key(ImmutableArray<Digest> topFirst) => Digest.Of(Encoding.ASCII.GetBytes("layers put together, topmost first\n" + string.Join('\n', topFirst)));
}
