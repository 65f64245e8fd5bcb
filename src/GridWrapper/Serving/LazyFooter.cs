using System.Buffers.Binary;
using System.Buffers.Text;

namespace GridWrapper.Serving;

/// <summary>The last bytes of a blob that has a table of contents: they say where it is. All forms in use, told apart by their marks.</summary>
internal static class LazyFooter
{
    /// <summary>As many bytes from the end hold any of them.</summary>
    internal const int MostBytes = 64;

    /// <summary>The only type of zstd:chunked's table.</summary>
    internal const long ZstdType = 1;

    private const int EstargzBytes = 51;
    private const int LegacyBytes = 47;
    private const int ExternalBytes = 46;
    private const int ChunkedBytes = 64;
    private const int SnapshotterBytes = 40;
    private const int HexDigits = 16;

    /// <param name="tail">The blob's end, <see cref="MostBytes"/> at least where it has as many.</param>
    /// <exception cref="InvalidDataException">There is no table of contents, or not in the blob.</exception>
    internal static TocPosition Read(LazyKind kind, ReadOnlySpan<byte> tail, long blobBytes) => kind == LazyKind.Estargz ? ReadGzip(tail, blobBytes) : ReadZstd(tail, blobBytes);

    internal static bool IsWithin(long offset, long length, long blobBytes) => offset > 0 && length > 0 && offset < blobBytes && length <= blobBytes - offset;

    /// <summary>An empty gzip member whose extra field says it.</summary>
    private static TocPosition ReadGzip(ReadOnlySpan<byte> tail, long blobBytes)
    {
        if (Extra(tail, EstargzBytes) is [(byte)'S', (byte)'G', 22, 0, .. var named] && named.EndsWith("STARGZ"u8))
        {
            return Position(named[..HexDigits], EstargzBytes, blobBytes);
        }

        if (Extra(tail, LegacyBytes) is { IsEmpty: false } bare && bare.EndsWith("STARGZ"u8))
        {
            return Position(bare[..HexDigits], LegacyBytes, blobBytes);
        }

        throw new InvalidDataException(Extra(tail, ExternalBytes).EndsWith("STARGZEXTERNALTOC"u8)
            ? "its table of contents lies in another image (eStargz with an external TOC), which is not read"
            : "it does not end as an eStargz blob does");
    }

    /// <summary>The extra field of a member of so many bytes at the very end; empty where there is none.</summary>
    private static ReadOnlySpan<byte> Extra(ReadOnlySpan<byte> tail, int length)
    {
        const int HeadBytes = 12;
        const int RestBytes = 13;
        if (tail.Length < length)
        {
            return [];
        }

        ReadOnlySpan<byte> member = tail[^length..];
        bool gzip = member is [0x1F, 0x8B, 8, 4, ..] && BinaryPrimitives.ReadUInt16LittleEndian(member[10..]) == length - HeadBytes - RestBytes;
        return gzip ? member[HeadBytes..^RestBytes] : [];
    }

    private static TocPosition Position(ReadOnlySpan<byte> hex, int footer, long blobBytes)
    {
        bool digits = Utf8Parser.TryParse(hex, out ulong offset, out int used, 'x') && used == HexDigits && offset < (ulong)blobBytes;
        return digits && IsWithin((long)offset, blobBytes - footer - (long)offset, blobBytes)
            ? new TocPosition((long)offset, blobBytes - footer - (long)offset)
            : throw new InvalidDataException("its last bytes place the table of contents outside of the blob");
    }

    private static TocPosition ReadZstd(ReadOnlySpan<byte> tail, long blobBytes)
    {
        int length = tail.EndsWith("GNUlInUx"u8) ? ChunkedBytes : tail.EndsWith("GnUlInUx"u8) ? SnapshotterBytes : 0;
        if (length == 0 || tail.Length < length)
        {
            throw new InvalidDataException("it does not end as a zstd:chunked blob does");
        }

        ReadOnlySpan<byte> footer = tail[^length..];
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(footer);
        ulong packed = BinaryPrimitives.ReadUInt64LittleEndian(footer[8..]);
        ulong unpacked = BinaryPrimitives.ReadUInt64LittleEndian(footer[16..]);
        ulong type = BinaryPrimitives.ReadUInt64LittleEndian(footer[24..]);
        bool sound = type == ZstdType && offset < (ulong)blobBytes && packed < (ulong)blobBytes && unpacked <= long.MaxValue && IsWithin((long)offset, (long)packed, blobBytes);
        return sound ? new TocPosition((long)offset, (long)packed, (long)unpacked) : throw new InvalidDataException("its last bytes place the table of contents outside of the blob, or name a type that is not known");
    }
}
