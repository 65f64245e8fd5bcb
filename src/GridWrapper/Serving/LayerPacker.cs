using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>Keeps the archive of a layer as it streams by, as one file, and makes the index of what is where in it. Only headers are looked at.</summary>
internal static class LayerPacker
{
    private const int EntriesPerLook = 4096;

    /// <summary>Blob → digest → inflate → diffID → file and index, streaming.</summary>
    /// <param name="blob">A stream that verifies the blob's size and digest.</param>
    /// <param name="archive">An empty file.</param>
    /// <exception cref="InvalidDataException">The verified bytes are no proper layer, or not the one with this diffID.</exception>
    internal static Task<PackedIndex> PackAsync(Stream blob, ImageLayer layer, SafeFileHandle archive, CancellationToken ct) =>
        LayerPipeline.RunAsync(blob, layer, (blocks, stop) => Pack(blocks, layer, archive, stop), ct);

    private static PackedIndex Pack(BlockReader blocks, ImageLayer layer, SafeFileHandle archive, CancellationToken ct)
    {
        long written = 0;
        blocks.Passing = block =>
        {
            FileMaker.Demand(At.WriteAll(archive, block.Content, written), "pwrite", "data"u8.ToArray());
            written += block.Length;
        };
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
        return new PackedIndex(layer.DiffId, builder.Finish(), sparse, written) { Blob = layer.Blob.Digest, BlobBytes = layer.Blob.SizeBytes };
    }
}
