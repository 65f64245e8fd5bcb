using GridWrapper.Images;

namespace GridWrapper.Serving;

/// <summary>What is known of a packed layer beside its archive.</summary>
/// <param name="Tree">Content of a file is where it begins in the archive, or the number of a sparse file.</param>
/// <param name="ArchiveBytes">Length of the whole archive.</param>
internal sealed record PackedIndex(Digest DiffId, LayerTree Tree, SparseMaps Sparse, long ArchiveBytes)
{
    /// <summary>What it came from.</summary>
    public required Digest Blob { get; init; }

    public required long BlobBytes { get; init; }
}
