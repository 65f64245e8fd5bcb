using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>Files of a layer that is kept as its archive. What a damaged cache does not have any more is an I/O error of that file alone.</summary>
/// <param name="archive">The archive; closed with this.</param>
internal sealed class PackedSource(ArchiveReader archive, SparseMaps sparse) : FileSource
{
    internal override int Read(long data, long offset, Span<byte> into)
    {
        if (data >= 0)
        {
            return ReadArchive(data, offset, into);
        }

        ReadOnlySpan<SparsePiece> pieces = sparse.Of(data);
        for (int i = FirstAfter(pieces, offset); !into.IsEmpty;)
        {
            bool inPiece = i < pieces.Length && pieces[i].Offset <= offset;
            long end = inPiece ? pieces[i].Offset + pieces[i].Length : i < pieces.Length ? pieces[i].Offset : long.MaxValue;
            Span<byte> run = into[..(int)Math.Min(into.Length, end - offset)];
            if (!inPiece)
            {
                run.Clear();
            }
            else if (ReadArchive(pieces[i].At, offset - pieces[i].Offset, run) is not 0 and int errno)
            {
                return errno;
            }

            into = into[run.Length..];
            offset += run.Length;
            i += inPiece ? 1 : 0;
        }

        return 0;
    }

    internal override bool WouldWait(long data, long offset, int length)
    {
        if (data >= 0)
        {
            return offset <= long.MaxValue - data - length && archive.WouldWait(data + offset, length);
        }

        ReadOnlySpan<SparsePiece> pieces = sparse.Of(data);
        for (int i = FirstAfter(pieces, offset); i < pieces.Length && pieces[i].Offset < offset + length; i++)
        {
            long skipped = Math.Max(0, offset - pieces[i].Offset);
            if (archive.WouldWait(pieces[i].At + skipped, Math.Min(pieces[i].Length - skipped, length)))
            {
                return true;
            }
        }

        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            archive.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>The first piece that ends after an offset.</summary>
    private static int FirstAfter(ReadOnlySpan<SparsePiece> pieces, long offset)
    {
        int low = 0;
        for (int high = pieces.Length; low < high;)
        {
            int middle = (low + high) / 2;
            (low, high) = pieces[middle].Offset + pieces[middle].Length <= offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private int ReadArchive(long start, long offset, Span<byte> into) => offset > long.MaxValue - start - into.Length ? Errno.EIO : archive.Read(start + offset, into);
}
