namespace GridWrapper.Serving;

/// <summary>The tree of one layer, what it does to the layers below it, and what its archive left unsaid: what an unpacked layer and its record are, without a file for each file.</summary>
/// <param name="Table">The content of its files is told by <see cref="Node.Data"/>, in the numbers of whoever made it; <see cref="Node.Source"/> means nothing yet.</param>
internal sealed record LayerTree(NodeTable Table)
{
    /// <summary>Names removed from the layers below.</summary>
    public ImmutableArray<NameInDirectory> Whiteouts { get; init; } = [];

    /// <summary>Directories whose content in the layers below is removed.</summary>
    public ImmutableArray<int> Opaques { get; init; } = [];

    /// <summary>Directories that exist only because something lies below them; their attributes are those of the layers below.</summary>
    public ImmutableArray<int> Implied { get; init; } = [];

    /// <summary>Hard links to files of the layers below, in the order of their paths.</summary>
    public ImmutableArray<BorrowedName> Borrowed { get; init; } = [];

    /// <summary>Entries of the archive.</summary>
    public long Entries { get; init; }

    /// <summary>Sizes of its files, without holes.</summary>
    public long DataBytes { get; init; }
}

/// <summary>A name in a directory of a table of files.</summary>
internal sealed record NameInDirectory(int Directory, byte[] Name);

/// <summary>A hard link whose target is not in its own layer. Paths are bytes, without a slash at the begin.</summary>
internal sealed record BorrowedName(byte[] Path, byte[] Target);
