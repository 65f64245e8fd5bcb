using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>The node's liblz4 (lz4.h, stable API): one block at a time.</summary>
internal static unsafe partial class LibLz4
{
    private const string Library = "liblz4.so.1";

    [LibraryImport(Library, EntryPoint = "LZ4_decompress_safe")]
    private static partial int Decompress(byte* source, byte* destination, int compressedSize, int capacity);

    /// <returns>Bytes written, negative where the data are damaged or do not fit.</returns>
    /// <exception cref="DllNotFoundException">This node has no liblz4.so.1.</exception>
    internal static int DecodeBlock(ReadOnlySpan<byte> block, Span<byte> into)
    {
        fixed (byte* from = block, to = into)
        {
            return Decompress(from, to, block.Length, into.Length);
        }
    }
}
