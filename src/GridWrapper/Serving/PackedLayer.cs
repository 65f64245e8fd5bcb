using GridWrapper.Images;

namespace GridWrapper.Serving;

/// <summary>A layer that the node keeps as its archive.</summary>
/// <param name="Directory">Where archive and index lie.</param>
/// <param name="WasCached">It was there before it was asked for; nothing was fetched.</param>
internal sealed record PackedLayer(Digest DiffId, string Directory, PackedIndex Index, bool WasCached)
{
    internal const string DataName = "data";
    internal const string IndexName = "index";

    /// <summary>The shared root that holds it; null where it is this node's own.</summary>
    public string? SharedRoot { get; init; }

    internal LayerTree Tree => Index.Tree;

    /// <summary>What the files of the tree are read from.</summary>
    /// <exception cref="IOException">The archive cannot be opened.</exception>
    internal FileSource Open() => new PackedSource(File.OpenHandle($"{Directory}/{DataName}", FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess), Index.Sparse);
}
