using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>A layer that the node keeps as its archive, or as the gzip blob that the archive came in.</summary>
/// <param name="Directory">Where its files lie.</param>
/// <param name="WasCached">It was there before it was asked for; nothing was fetched.</param>
internal sealed record PackedLayer(Digest DiffId, string Directory, PackedIndex Index, bool WasCached)
{
    /// <summary>The archive and its index.</summary>
    internal const string DataName = "data";
    internal const string IndexName = "index";

    /// <summary>The same for a layer that is kept compressed. Other names: a version that knows none of this finds nothing.</summary>
    internal const string BlobName = "blob";
    internal const string EntryName = "entry";

    /// <summary>Where the blob can be entered; null where the archive is kept inflated.</summary>
    public CheckpointTable? Checkpoints { get; init; }

    /// <summary>The shared root that holds it; null where it is this node's own.</summary>
    public string? SharedRoot { get; init; }

    internal LayerTree Tree => Index.Tree;

    /// <summary>What the files of the tree are read from.</summary>
    /// <param name="pool">Of all layers of a root.</param>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal FileSource Open(Lazy<InflatePool> pool) => new PackedSource(
        Checkpoints is null ? new PlainArchive(OpenFile(DataName)) : new GzipArchive((OpenFile(BlobName), OpenFile(EntryName)), Checkpoints, pool.Value),
        Index.Sparse);

    /// <summary>For one layer alone.</summary>
    internal FileSource Open() => Open(NewPool());

    /// <summary>For the layers of a root; made only where one of them is compressed.</summary>
    /// <exception cref="IOException">When it is made, and the node has no zlib: the layer should not have been found.</exception>
    internal static Lazy<InflatePool> NewPool() => new(() => new InflatePool(LibZ.OfNode.Library ?? throw new IOException(LibZ.OfNode.Problem)));

    private SafeFileHandle OpenFile(string name) =>
        File.OpenHandle($"{Directory}/{name}", FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, Checkpoints is null ? FileOptions.RandomAccess : FileOptions.None);
}
