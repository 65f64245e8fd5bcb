using GridWrapper.Images;

namespace GridWrapper.Layers;

/// <summary>A layer in the node's cache.</summary>
/// <param name="Tree">Absolute path of the unpacked layer.</param>
/// <param name="WasCached">It was there before it was asked for; nothing was fetched.</param>
internal sealed record StoredLayer(Digest DiffId, string Tree, LayerIndex Index, bool WasCached)
{
    /// <summary>The shared root that holds it; null where it is this node's own.</summary>
    public string? SharedRoot { get; init; }
}
