using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>What an entry of a tar archive makes.</summary>
internal enum TarEntryKind
{
    File,
    HardLink,
    Symlink,
    CharacterDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// <summary>One entry of a tar archive with the extensions of PAX, GNU and star already applied. Names are bytes as the archive holds them.</summary>
internal sealed record TarEntry
{
    public required byte[] Name { get; init; }

    /// <summary>Target of a hard or symbolic link, else empty.</summary>
    public required byte[] LinkName { get; init; }

    public required TarEntryKind Kind { get; init; }

    /// <summary>Size of the file once made; for a sparse file that includes its holes.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Permission bits, 07777 at most.</summary>
    public required uint Mode { get; init; }

    public required FileTime Modified { get; init; }

    /// <summary>Extended attributes by name, values as bytes.</summary>
    public ImmutableArray<(string Name, byte[] Value)> Xattrs { get; init; } = [];

    /// <summary>Where the archived data belong in a sparse file; default when the file is not sparse.</summary>
    public ImmutableArray<SparseSegment> Sparse { get; init; }
}

/// <summary>A run of data in a sparse file, in bytes.</summary>
internal readonly record struct SparseSegment(long Offset, long Length);
