namespace GridWrapper.Layers;

/// <summary>What a layer does to the layers below it, and what its archive left unsaid. Kept beside the unpacked tree, so that stacking and flattening need no archive.</summary>
internal sealed record LayerIndex
{
    /// <summary>Paths removed from the layers below.</summary>
    public ImmutableArray<EntryPath> Whiteouts { get; init; } = [];

    /// <summary>Directories whose content in the layers below is removed.</summary>
    public ImmutableArray<EntryPath> Opaques { get; init; } = [];

    /// <summary>Directories that exist only because something lies below them; their attributes are those of the layers below.</summary>
    public ImmutableArray<EntryPath> Implied { get; init; } = [];

    /// <summary>Hard links to files of the layers below.</summary>
    public ImmutableArray<BorrowedLink> Borrowed { get; init; } = [];

    public long Entries { get; init; }

    /// <summary>Bytes of file data written.</summary>
    public long DataBytes { get; init; }

    /// <summary>What the tree takes on disk: file data in blocks of 4 KiB, and one block for each directory. 0: not known (made by an earlier version).</summary>
    public long DiskBytes { get; init; }

    /// <summary>The tree can be a lower directory of an overlay: its whiteouts are overlay's own and nothing has to be taken from below.</summary>
    public bool OverlayReady { get; init; }
}

/// <summary>A hard link whose target is not in its own layer.</summary>
internal readonly record struct BorrowedLink(EntryPath Path, EntryPath Target);
