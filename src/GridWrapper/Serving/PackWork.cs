using System.Diagnostics.CodeAnalysis;
using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>The files of a packed layer while it streams by: the archive inflated, or the gzip blob as it is with what it takes to enter it anywhere.</summary>
/// <param name="directory">Empty.</param>
/// <param name="library">Keep gzip blobs as they are; null = keep archives.</param>
internal sealed class PackWork(string directory, LibZ? library) : IDisposable
{
    private SafeFileHandle? _data;
    private SafeFileHandle? _checkpoints;
    private CheckpointWriter? _notes;
    private long _written;

    /// <summary>Known once the first bytes came. Blobs that are not gzip are kept inflated.</summary>
    internal bool IsCompressed => _notes is not null;

    /// <summary>Bytes of the archive so far.</summary>
    internal long Written => _written;

    public void Dispose()
    {
        _data?.Dispose();
        _checkpoints?.Dispose();
    }

    /// <summary>The archive inside the blob.</summary>
    internal Stream Open(Stream blob)
    {
        Stream archive = Decompression.Open(blob, library is null ? null : Keep);
        _data ??= Create(PackedLayer.DataName);
        return archive;
    }

    /// <summary>The next block of the archive.</summary>
    internal void Pass(Block block)
    {
        if (!IsCompressed)
        {
            FileMaker.Demand(At.WriteAll(_data!, block.Content, _written), "pwrite", "data"u8.ToArray());
        }

        _written += block.Length;
    }

    /// <summary>After the last block. What says that the layer is there is written last.</summary>
    internal CheckpointTable? Finish(PackedIndex index, Images.Descriptor blob)
    {
        if (_notes is not null)
        {
            return _notes.Finish(blob, index);
        }

        PackedIndexFile.Write($"{directory}/{PackedLayer.IndexName}", index);
        return null;
    }

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "the stream goes to whoever asked for it")]
    private CheckpointingStream Keep(Stream blob)
    {
        _data = Create(PackedLayer.BlobName);
        _checkpoints = Create(PackedLayer.EntryName);
        _notes = new CheckpointWriter(_checkpoints);
        return new CheckpointingStream(blob, _data, library!, _notes);
    }

    private SafeFileHandle Create(string name) => File.OpenHandle($"{directory}/{name}", FileMode.CreateNew, FileAccess.Write, FileShare.None);
}
