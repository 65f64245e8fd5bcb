using System.IO.Compression;

namespace GridWrapper.Layers;

/// <summary>How the bytes of a layer blob are packed, told by their first bytes: media types in the wild are often wrong, and both digests are verified anyway.</summary>
internal static class Decompression
{
    private const int MagicBytes = 4;

    /// <summary>The tar stream inside a blob.</summary>
    /// <param name="blob">From its beginning.</param>
    /// <param name="gzip">Opens a gzip one; null = as usual.</param>
    /// <exception cref="DllNotFoundException">The blob is zstd and this node has no libzstd.so.1.</exception>
    internal static Stream Open(Stream blob, Func<Stream, Stream>? gzip = null)
    {
        byte[] magic = new byte[MagicBytes];
        int got = blob.ReadAtLeast(magic, MagicBytes, throwOnEndOfStream: false);
        var whole = new PrefixedStream(magic.AsMemory(0, got), blob);
        return magic switch
        {
            [0x1F, 0x8B, ..] => gzip?.Invoke(whole) ?? new GZipStream(whole, CompressionMode.Decompress),
            [0x28, 0xB5, 0x2F, 0xFD] => new ZstdStream(whole),
            [>= 0x50 and <= 0x5F, 0x2A, 0x4D, 0x18] => new ZstdStream(whole), // a skippable frame first
            _ => whole,
        };
    }
}
