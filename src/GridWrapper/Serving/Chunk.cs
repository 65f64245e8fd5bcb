using System.Runtime.InteropServices;

namespace GridWrapper.Serving;

/// <summary>A piece of a file that can be fetched and verified by itself.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Chunk
{
    /// <summary>In the file.</summary>
    internal long FileOffset;

    internal long Size;

    /// <summary>Where in the blob the member begins that holds it.</summary>
    internal long Offset;

    /// <summary>Where in the unpacked member it begins.</summary>
    internal long Inner;

    /// <summary>Where in the local copy.</summary>
    internal long Place;

    /// <summary>Number of the member; <see cref="ChunkTable.Zeros"/> for a hole, which lies nowhere.</summary>
    internal int Member;

    /// <summary>Number of the file.</summary>
    internal int File;
}

/// <summary>A gzip member or zstd frame: what is unpacked at once.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Member
{
    internal long Offset;

    /// <summary>Where the next one begins: it ends there or before.</summary>
    internal long End;

    /// <summary>Unpacked bytes that are of interest.</summary>
    internal long Size;

    /// <summary>Its first one in <see cref="ChunkTable.InBlobOrder"/>.</summary>
    internal int First;

    internal int Count;
}
