using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>Notes checkpoints and sums while a layer streams by. Windows go to the file at once: memory does not grow with them.</summary>
/// <param name="file">Empty.</param>
internal sealed class CheckpointWriter(SafeFileHandle file)
{
    /// <summary>Of the archive, between two checkpoints, at least. What a random read has to inflate for nothing is half of this.</summary>
    internal const int Stretch = 2 * 1024 * 1024;

    /// <summary>The same where a member begins: such a checkpoint needs no window.</summary>
    internal const int MemberStretch = Stretch / 4;

    private readonly List<Checkpoint> _checkpoints = [];
    private readonly List<uint> _sums = [];
    private long _windowBytes;
    private long _unpacked;
    private uint _sum;

    /// <summary>Archive since the last checkpoint.</summary>
    /// <param name="unpacked">Position in it.</param>
    internal long Since(long unpacked) => _checkpoints.Count == 0 ? long.MaxValue : unpacked - _checkpoints[^1].Unpacked;

    internal void Add(Checkpoint point, ReadOnlySpan<byte> window)
    {
        byte[] packed = window.IsEmpty ? [] : CheckpointFile.PackWindow(window);
        (point.WindowAt, point.WindowBytes, point.WindowLength, point.WindowSum) = (_windowBytes, packed.Length, window.Length, Crc32C.Of(packed));
        FileMaker.Demand(At.WriteAll(file, packed, _windowBytes), "pwrite", "checkpoints"u8.ToArray());
        _windowBytes += packed.Length;
        _checkpoints.Add(point);
    }

    /// <summary>The archive goes on with these bytes.</summary>
    internal void Pass(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int piece = Math.Min(bytes.Length, CheckpointTable.PieceBytes - (int)(_unpacked % CheckpointTable.PieceBytes));
            _sum = Crc32C.Append(_sum, bytes[..piece]);
            _unpacked += piece;
            bytes = bytes[piece..];
            if (_unpacked % CheckpointTable.PieceBytes == 0)
            {
                _sums.Add(_sum);
                _sum = 0;
            }
        }
    }

    /// <param name="index">Of the tree.</param>
    internal CheckpointTable Finish(Descriptor blob, PackedIndex index)
    {
        (CheckpointTable table, long end) = Finish(blob);
        CheckpointFile.Append(file, end, index);
        return table;
    }

    /// <returns>And where it ends in the file.</returns>
    internal (CheckpointTable Table, long End) Finish(Descriptor blob)
    {
        uint[] sums = _unpacked % CheckpointTable.PieceBytes == 0 ? [.. _sums] : [.. _sums, _sum];
        var table = new CheckpointTable([.. _checkpoints], sums) { Blob = blob.Digest, BlobBytes = blob.SizeBytes, ArchiveBytes = _unpacked };
        return (table, CheckpointFile.Finish(file, table, _windowBytes));
    }
}
