using GridWrapper.Images;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>One piece of a root filesystem put together from several sources.</summary>
internal abstract record HybridPart
{
    private HybridPart()
    {
    }

    /// <summary>A layer of the node's cache, there already or to be fetched.</summary>
    /// <param name="DiffId">Null where only CVMFS knows the image, and says nothing of this layer.</param>
    internal sealed record Stored(Descriptor Blob, Digest? DiffId, bool Cached) : HybridPart;

    /// <summary>A layer that this node keeps as its archive and serves, there already or to be fetched.</summary>
    internal sealed record Packed(Descriptor Blob, Digest DiffId, bool Cached) : HybridPart;

    /// <summary>A layer where CVMFS has it.</summary>
    internal sealed record InCvmfs(Descriptor Blob, CvmfsLayer Layer) : HybridPart;

    /// <summary>The bottom layers, put together by the publisher.</summary>
    internal sealed record Chain(CvmfsChain Layers, ImmutableArray<Descriptor> Blobs) : HybridPart;
}
