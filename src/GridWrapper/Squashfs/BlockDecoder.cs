using System.IO.Compression;
using GridWrapper.Linux;

namespace GridWrapper.Squashfs;

/// <summary>Undoes the compression of one block. gzip comes with the runtime, the others with libraries that nearly every node has, loaded on first use.</summary>
internal static class BlockDecoder
{
    /// <summary>Null, or why this node cannot read images of this compression.</summary>
    internal static string? Missing(Compressor compressor) => compressor switch
    {
        Compressor.Gzip => null,
        Compressor.Zstd => SharedLibrary.Missing("libzstd.so.1"),
        Compressor.Xz => SharedLibrary.Missing("liblzma.so.5"),
        Compressor.Lz4 => SharedLibrary.Missing("liblz4.so.1"),
        _ => $"this program cannot undo the compression {Name(compressor)}",
    };

    internal static string Name(Compressor compressor) => compressor switch
    {
        Compressor.Gzip => "gzip",
        Compressor.Lzma => "lzma",
        Compressor.Lzo => "lzo",
        Compressor.Xz => "xz",
        Compressor.Lz4 => "lz4",
        Compressor.Zstd => "zstd",
        _ => "none",
    };

    /// <returns>Bytes written, at most the length of the target.</returns>
    /// <exception cref="InvalidDataException">The block is damaged, or holds more than it may.</exception>
    internal static int Decode(Compressor compressor, byte[] block, int length, byte[] into, int most)
    {
        int got = compressor switch
        {
            Compressor.Gzip => Inflate(block, length, into, most),
            Compressor.Zstd => LibZstd.DecodeBlock(block.AsSpan(0, length), into.AsSpan(0, most)),
            Compressor.Xz => LibLzma.DecodeBlock(block.AsSpan(0, length), into.AsSpan(0, most)),
            Compressor.Lz4 => LibLz4.DecodeBlock(block.AsSpan(0, length), into.AsSpan(0, most)),
            _ => throw new InvalidDataException($"the compression {Name(compressor)} is not known here"),
        };
        return got >= 0 ? got : throw new InvalidDataException($"a block compressed with {Name(compressor)} is damaged");
    }

    private static int Inflate(byte[] block, int length, byte[] into, int most)
    {
        using MemoryStream compressed = new(block, 0, length, writable: false);
        using ZLibStream zlib = new(compressed, CompressionMode.Decompress);
        int got = zlib.ReadAtLeast(into.AsSpan(0, most), most, throwOnEndOfStream: false);
        return got < most || zlib.ReadByte() < 0 ? got : throw new InvalidDataException("a block holds more than a block may");
    }
}
