using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>The node's liblzma (lzma/container.h, stable API): one whole .xz stream at a time.</summary>
internal static unsafe partial class LibLzma
{
    private const string Library = "liblzma.so.5";

    /// <summary>A block of 1 MiB needs a dictionary of at most as much.</summary>
    private const ulong MemoryLimit = 64UL << 20;

    [LibraryImport(Library, EntryPoint = "lzma_stream_buffer_decode")]
    private static partial int StreamBufferDecode(
        ulong* memoryLimit, uint flags, void* allocator, byte* input, nuint* inputPosition, nuint inputSize, byte* output, nuint* outputPosition, nuint outputSize);

    /// <returns>Bytes written, -1 where the data are damaged or do not fit.</returns>
    /// <exception cref="DllNotFoundException">This node has no liblzma.so.5.</exception>
    internal static int DecodeBlock(ReadOnlySpan<byte> block, Span<byte> into)
    {
        ulong limit = MemoryLimit;
        nuint read = 0;
        nuint written = 0;
        fixed (byte* from = block, to = into)
        {
            return StreamBufferDecode(&limit, 0, null, from, &read, (nuint)block.Length, to, &written, (nuint)into.Length) == 0 ? (int)written : -1;
        }
    }
}
