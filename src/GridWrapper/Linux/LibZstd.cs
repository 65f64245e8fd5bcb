using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>The streaming decoder of the node's libzstd (zstd.h, stable API). Loaded on first use; a node without it is told apart by DllNotFoundException.</summary>
internal static unsafe partial class LibZstd
{
    private const string Library = "libzstd.so.1";

    [LibraryImport(Library, EntryPoint = "ZSTD_createDStream")]
    internal static partial nint CreateStream();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeDStream")]
    internal static partial nuint FreeStream(nint stream);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompressStream")]
    internal static partial nuint Decompress(nint stream, OutBuffer* output, InBuffer* input);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    internal static partial uint IsError(nuint code);

    [LibraryImport(Library, EntryPoint = "ZSTD_getErrorName")]
    internal static partial nint ErrorName(nuint code);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompress")]
    private static partial nuint Decompress(byte* destination, nuint capacity, byte* source, nuint size);

    /// <summary>One block at once.</summary>
    /// <returns>Bytes written, -1 where the data are damaged or do not fit.</returns>
    internal static int DecodeBlock(ReadOnlySpan<byte> block, Span<byte> into)
    {
        fixed (byte* from = block, to = into)
        {
            nuint written = Decompress(to, (nuint)into.Length, from, (nuint)block.Length);
            return IsError(written) == 0 ? (int)written : -1;
        }
    }

    /// <summary>ZSTD_inBuffer.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct InBuffer
    {
        internal byte* Source;
        internal nuint Size;
        internal nuint Position;
    }

    /// <summary>ZSTD_outBuffer.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct OutBuffer
    {
        internal byte* Destination;
        internal nuint Size;
        internal nuint Position;
    }
}
