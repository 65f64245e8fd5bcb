using System.Buffers;
using GridWrapper.Images;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>
/// Reads the local copy of a layer that is read piece by piece again: its table of contents has the digest that it is kept under, and every piece that is said to be here has the digest
/// that the table promises. A damaged piece harms no run, since each proves it before use; it tells of a disk that loses bytes.
/// </summary>
internal sealed class LazyVerifier(string directory)
{
    private const byte Marked = 1;

    /// <summary>Bytes that were read and digested.</summary>
    internal long BytesRead { get; private set; }

    /// <summary>What is wrong; empty for a good copy, and for one that is not begun.</summary>
    internal ImmutableArray<string> Verify(CancellationToken ct)
    {
        try
        {
            return KeptToc.Read(directory) is { } toc ? VerifyPieces(TableOf(toc), ct) : [];
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return [e.Message];
        }
    }

    /// <summary>The name says a digest, not of which form of the table: the first form that has it is the one.</summary>
    private ChunkTable TableOf(PackedToc toc)
    {
        Digest root = Digest.Parse("sha256:" + Path.GetFileName(directory));
        BytesRead += toc.Bytes.Length;
        string why = "";
        foreach (LazyFormat format in (LazyFormat[])[new(LazyKind.ZstdChunked) { PackedToc = root }, new(LazyKind.Estargz) { Toc = root }, new(LazyKind.ZstdChunked) { Toc = root }])
        {
            try
            {
                byte[] json = TocDocument.Unpack(toc, format, root);
                return LazyTree.Read(json, new Descriptor(MediaTypes.OciLayerGzip, root, toc.Position.Offset + toc.Position.Length), toc.Position.Offset).Chunks;
            }
            catch (InvalidDataException e)
            {
                why = e.Message;
            }
        }

        throw new InvalidDataException($"its table of contents is not the one that it is kept under: {why}");
    }

    private ImmutableArray<string> VerifyPieces(ChunkTable table, CancellationToken ct)
    {
        string marks = directory + "/marks";
        byte[] marked = File.Exists(marks) ? File.ReadAllBytes(marks) : [];
        if (Array.IndexOf(marked, Marked) < 0)
        {
            return [];
        }

        using SafeFileHandle data = File.OpenHandle(directory + "/data", share: FileShare.ReadWrite | FileShare.Delete);
        int damaged = 0;
        int here = 0;
        for (int i = 0; i < Math.Min(marked.Length, table.Chunks.Length); i++)
        {
            if (marked[i] == Marked && table.Chunks[i].Member != ChunkTable.Zeros)
            {
                ct.ThrowIfCancellationRequested();
                here++;
                damaged += IsRight(data, table, i) ? 0 : 1;
            }
        }

        return damaged == 0 ? [] : [$"{damaged} of the {here} pieces that are here are damaged; they are fetched again when they are read"];
    }

    private bool IsRight(SafeFileHandle data, ChunkTable table, int number)
    {
        int size = (int)table.Chunks[number].Size;
        byte[] bytes = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            int got = 0;
            for (int more = 1; got < size && more > 0; got += more)
            {
                more = RandomAccess.Read(data, bytes.AsSpan(got, size - got), table.Chunks[number].Place + got);
            }

            BytesRead += got;
            return got == size && MemberDecoder.IsRight(bytes.AsSpan(0, size), table.Hash(number));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
