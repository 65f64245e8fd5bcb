using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>Keeps a layer as it streams by, as one file, and makes the index of what is where in it. Only headers are looked at.</summary>
internal static class LayerPacker
{
    private const int EntriesPerLook = 4096;

    /// <summary>Blob → digest → inflate → diffID → files and index, streaming.</summary>
    /// <param name="blob">A stream that verifies the blob's size and digest.</param>
    /// <exception cref="InvalidDataException">The verified bytes are no proper layer, or not the one with this diffID.</exception>
    internal static Task<PackedIndex> PackAsync(Stream blob, ImageLayer layer, PackWork work, CancellationToken ct) =>
        LayerPipeline.RunAsync(blob, layer, new LayerWork<PackedIndex>((blocks, stop) => Pack(blocks, layer, work, stop)) { Open = work.Open }, ct);

    private static PackedIndex Pack(BlockReader blocks, ImageLayer layer, PackWork work, CancellationToken ct)
    {
        blocks.Passing = work.Pass;
        var reader = new TarEntryReader(blocks);
        var builder = new LayerTreeBuilder(ExtractionLimits.ForBlob(layer.Blob.SizeBytes));
        var sparse = new SparseMaps();
        for (int entries = 1; reader.Next() is { } entry; entries++)
        {
            builder.Add(entry, entry.Sparse.IsDefault ? reader.Position : sparse.Add(entry.Sparse, reader.Position));
            if (entries % EntriesPerLook == 0)
            {
                ct.ThrowIfCancellationRequested();
            }
        }

        blocks.Drain(ct);
        return new PackedIndex(layer.DiffId, builder.Finish(), sparse, work.Written) { Blob = layer.Blob.Digest, BlobBytes = layer.Blob.SizeBytes };
    }
}
