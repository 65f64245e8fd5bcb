using GridWrapper.Diagnostics;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>An archive that is kept as the gzip blob it came in. What is read is inflated from the nearest checkpoint, a piece at a time; no byte is given out before its piece's sum was found right.</summary>
internal sealed class GzipArchive : ArchiveReader
{
    private static readonly RoomLog Log = new(nameof(GzipArchive));
    private readonly SafeFileHandle _blob;
    private readonly SafeFileHandle _checkpoints;
    private readonly InflatePool _pool;
    private readonly int _number;
    private int _told;

    /// <param name="files">The blob and its checkpoints; closed with this.</param>
    /// <param name="pool">Of all layers of a root.</param>
    internal GzipArchive((SafeFileHandle Blob, SafeFileHandle Checkpoints) files, CheckpointTable table, InflatePool pool)
    {
        (_blob, _checkpoints) = files;
        (_pool, Table) = (pool, table);
        _number = pool.Enter();
    }

    internal CheckpointTable Table { get; }

    internal override int Read(long at, Span<byte> into)
    {
        if (at < 0 || at > Table.ArchiveBytes - into.Length)
        {
            return Errno.EIO;
        }

        try
        {
            while (!into.IsEmpty)
            {
                (long piece, int inPiece) = (at / CheckpointTable.PieceBytes, (int)(at % CheckpointTable.PieceBytes));
                int length = Math.Min(into.Length, CheckpointTable.PieceBytes - inPiece);
                _pool.Read(this, piece, inPiece, into[..length]);
                into = into[length..];
                at += length;
            }

            return 0;
        }
        catch (Exception e)
        {
            // The server that asks must live: whatever it is, it is this read's fault alone.
            if (e is not ObjectDisposedException && Interlocked.Exchange(ref _told, 1) == 0)
            {
                Log.Error("the compressed layer {Blob} in the cache cannot be read everywhere: {Reason}; gridwrap cache verify --remove finds damaged layers", Table.Blob, e.Message);
            }

            return Errno.EIO;
        }
    }

    internal override bool WouldWait(long at, long length)
    {
        if (at < 0 || length <= 0 || at > Table.ArchiveBytes - length)
        {
            return false;
        }

        for (long piece = at / CheckpointTable.PieceBytes; piece <= (at + length - 1) / CheckpointTable.PieceBytes; piece++)
        {
            if (!_pool.Has(this, piece))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The name of a piece among those of all layers.</summary>
    internal long Key(long piece) => PieceCache.Key(_number, piece);

    internal byte[] Window(in Checkpoint point) => CheckpointFile.ReadWindow(_checkpoints, point);

    internal int ReadBlob(long at, Span<byte> into) => RandomAccess.Read(_blob, into, at);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _blob.Dispose();
            _checkpoints.Dispose();
            _pool.Leave();
        }

        base.Dispose(disposing);
    }
}
