using GridWrapper.Images;

namespace GridWrapper.Serving;

/// <summary>Where a gzip blob can be entered, and sums of what comes out, a piece of the archive each.</summary>
/// <param name="Checkpoints">In their order; the first at the beginning.</param>
/// <param name="Sums">CRC-32C of each piece.</param>
internal sealed record CheckpointTable(Checkpoint[] Checkpoints, uint[] Sums)
{
    /// <summary>Pieces begin at multiples of this. Inflated, verified and kept in memory as a whole.</summary>
    internal const int PieceBytes = 128 * 1024;

    public required Digest Blob { get; init; }

    public required long BlobBytes { get; init; }

    public required long ArchiveBytes { get; init; }

    /// <summary>How many bytes a piece has: all but the last are whole.</summary>
    internal int LengthOf(long piece) => (int)Math.Min(PieceBytes, ArchiveBytes - (piece * PieceBytes));

    /// <summary>The last checkpoint from which a piece can be reached.</summary>
    internal int Before(long piece)
    {
        int low = 0;
        for (int high = Checkpoints.Length - 1; low < high;)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = Checkpoints[middle].Unpacked <= piece * PieceBytes ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    /// <summary>The first piece that a checkpoint reaches from its beginning.</summary>
    internal long FirstPiece(int checkpoint) => (Checkpoints[checkpoint].Unpacked + PieceBytes - 1) / PieceBytes;

    /// <exception cref="InvalidDataException">The numbers lead out of the blob, out of the archive, or out of the file's windows.</exception>
    internal void Demand(long windowBytes)
    {
        bool sound = Checkpoints.Length > 0 && Checkpoints[0] is { Packed: 0, Unpacked: 0, Bits: Checkpoint.AtMember } && ArchiveBytes >= 0
            && Sums.Length == (ArchiveBytes + PieceBytes - 1) / PieceBytes;
        long packed = -1;
        long unpacked = -1;
        foreach (ref readonly Checkpoint point in Checkpoints.AsSpan())
        {
            sound &= point.Packed > packed && point.Unpacked > unpacked && point.Packed <= BlobBytes && point.Unpacked <= ArchiveBytes
                && point.Bits is >= Checkpoint.AtMember and <= 7 && (point.Bits <= 0 || point.Packed > 0)
                && point.WindowLength is >= 0 and <= Linux.Inflation.WindowBytes && point.WindowBytes >= 0 && point.WindowBytes <= point.WindowLength
                && point.WindowAt >= 0 && point.WindowAt <= windowBytes - point.WindowBytes;
            (packed, unpacked) = (point.Packed, point.Unpacked);
        }

        if (!sound)
        {
            throw new InvalidDataException("a table of checkpoints leads out of itself");
        }
    }
}
