using System.IO.Compression;
using System.Security.Cryptography;
using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>Unpacks one member of a blob, as far as its chunks reach and no further, and tells which of them are right.</summary>
internal static class MemberDecoder
{
    /// <summary>The unpacked bytes; null where they end too early or cannot be unpacked.</summary>
    internal static byte[]? Unpack(LazyKind kind, byte[] packed, int start, int length, in Member member)
    {
        byte[] bytes = new byte[(int)member.Size];
        try
        {
            using var input = new MemoryStream(packed, start, length, writable: false);
            using Stream unpacked = kind == LazyKind.Estargz ? new GZipStream(input, CompressionMode.Decompress) : new ZstdStream(input);
            return unpacked.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length ? bytes : null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return null;
        }
    }

    internal static bool IsRight(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> hash)
    {
        Span<byte> got = stackalloc byte[ChunkTable.HashBytes];
        SHA256.HashData(bytes, got);
        return got.SequenceEqual(hash);
    }
}
