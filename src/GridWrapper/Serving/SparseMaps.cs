using System.Runtime.InteropServices;
using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>Where the data of sparse files are in an archive. Such a file is known by a negative number, counted down from -1.</summary>
internal sealed class SparseMaps
{
    /// <summary>Of all files together: four times what one file may have.</summary>
    internal const int MaxPieces = 4_000_000;

    private readonly List<int> _starts;
    private readonly List<SparsePiece> _pieces;

    internal SparseMaps()
    {
        _starts = [0];
        _pieces = [];
    }

    /// <summary>Maps as they were written: <see cref="Starts"/> and <see cref="Pieces"/> of another.</summary>
    /// <exception cref="InvalidDataException">They do not fit each other.</exception>
    internal SparseMaps(int[] starts, SparsePiece[] pieces)
    {
        bool sound = starts.Length > 0 && starts[0] == 0 && starts[^1] == pieces.Length;
        for (int i = 1; i < starts.Length && sound; i++)
        {
            sound = starts[i] >= starts[i - 1];
        }

        foreach (ref readonly SparsePiece piece in pieces.AsSpan())
        {
            sound &= piece.Offset >= 0 && piece.Length >= 0 && piece.At >= 0 && piece.Length <= long.MaxValue - Math.Max(piece.Offset, piece.At);
        }

        _starts = sound ? [.. starts] : throw new InvalidDataException("the maps of sparse files do not fit each other");
        _pieces = [.. pieces];
    }

    /// <summary>Where the pieces of each map begin; one more than there are maps.</summary>
    internal ReadOnlySpan<int> Starts => CollectionsMarshal.AsSpan(_starts);

    internal ReadOnlySpan<SparsePiece> Pieces => CollectionsMarshal.AsSpan(_pieces);

    /// <param name="at">Where in the archive the file's data begin.</param>
    /// <returns>The number of the file.</returns>
    /// <exception cref="InvalidDataException">More pieces than any honest layer has.</exception>
    internal long Add(ImmutableArray<SparseSegment> map, long at)
    {
        if (_pieces.Count + map.Length > MaxPieces)
        {
            throw new InvalidDataException($"the sparse files of the layer have more than {MaxPieces} pieces");
        }

        foreach (SparseSegment piece in map)
        {
            _pieces.Add(new SparsePiece { Offset = piece.Offset, Length = piece.Length, At = at });
            at += piece.Length;
        }

        _starts.Add(_pieces.Count);
        return -(_starts.Count - 1);
    }

    /// <summary>The pieces of a file, in their order; none for a number that no file has.</summary>
    internal ReadOnlySpan<SparsePiece> Of(long number)
    {
        long map = -1 - number;
        return map < 0 || map >= _starts.Count - 1 ? [] : Pieces[_starts[(int)map].._starts[(int)map + 1]];
    }
}

/// <summary>A run of data of a sparse file. Laid out so that maps can be written and read as they lie in memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SparsePiece
{
    /// <summary>Where in the file.</summary>
    internal long Offset;
    internal long Length;

    /// <summary>Where in the archive.</summary>
    internal long At;
}
