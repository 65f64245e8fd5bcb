using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>What an entry of a table of contents is.</summary>
internal enum TocEntryKind
{
    Unknown,
    Entry,

    /// <summary>A further piece of the file before it.</summary>
    Chunk,
}

/// <summary>One entry of a table of contents as it stands there. Used again for the next one.</summary>
internal sealed class TocEntry
{
    private readonly byte[] _hash = new byte[ChunkTable.HashBytes];
    private readonly byte[] _chunkHash = new byte[ChunkTable.HashBytes];

    internal TocEntryKind Kind { get; set; }

    internal TarEntryKind Type { get; set; }

    /// <summary>UTF-8; null where it is not given.</summary>
    internal byte[]? Name { get; set; }

    internal byte[] LinkName { get; set; } = [];

    internal long Size { get; set; }

    internal uint Mode { get; set; }

    internal FileTime Modified { get; set; }

    internal long Offset { get; set; }

    internal long InnerOffset { get; set; }

    internal long ChunkOffset { get; set; }

    /// <summary>0 for all to the file's end.</summary>
    internal long ChunkSize { get; set; }

    internal bool IsZeros { get; set; }

    internal bool HasHash { get; set; }

    internal bool HasChunkHash { get; set; }

    /// <summary>Of the file.</summary>
    internal Span<byte> Hash => _hash;

    internal Span<byte> ChunkHash => _chunkHash;

    internal ImmutableArray<(string Name, byte[] Value)> Xattrs { get; set; } = [];

    internal bool IsChunk => Kind == TocEntryKind.Chunk;

    internal bool IsFile => Kind == TocEntryKind.Entry && Type == TarEntryKind.File;

    internal void Clear()
    {
        (Kind, Type, Name, LinkName) = (TocEntryKind.Unknown, TarEntryKind.File, null, []);
        (Size, Mode, Modified) = (0, 0, default);
        (Offset, InnerOffset, ChunkOffset, ChunkSize) = (0, 0, 0, 0);
        (IsZeros, HasHash, HasChunkHash) = (false, false, false);
        Xattrs = [];
    }

    internal TarEntry ToTarEntry() => new()
    {
        Name = Name!,
        LinkName = LinkName,
        Kind = Type,
        SizeBytes = Type == TarEntryKind.File ? Size : 0,
        Mode = Mode,
        Modified = Modified,
        Xattrs = Xattrs,
    };
}
