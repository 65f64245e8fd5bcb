namespace GridWrapper.Squashfs;

/// <summary>One file, directory or link of an image.</summary>
internal sealed record SquashfsInode
{
    public required SquashfsKind Kind { get; init; }

    /// <summary>Twelve permission bits.</summary>
    public required uint Mode { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public required uint Modified { get; init; }

    /// <summary>Names with one number are one file.</summary>
    public required uint Number { get; init; }

    public uint Links { get; init; } = 1;

    /// <summary>Of a regular file.</summary>
    public long SizeBytes { get; init; }

    /// <summary>Of a symbolic link.</summary>
    public byte[] Target { get; init; } = [];

    /// <summary>Where the blocks of a regular file begin in the image.</summary>
    public long Blocks { get; init; }

    /// <summary>What each block takes in the image, as <see cref="SquashfsImage"/> reads it.</summary>
    public uint[] BlockSizes { get; init; } = [];

    /// <summary>The block that holds the end of the file together with others' ends; null for none.</summary>
    public uint? Fragment { get; init; }

    public uint FragmentOffset { get; init; }

    /// <summary>Of a directory: where its listing begins in the directory table, and its length.</summary>
    public uint ListingBlock { get; init; }

    public int ListingOffset { get; init; }

    public uint ListingBytes { get; init; }
}

/// <summary>What an inode is.</summary>
internal enum SquashfsKind
{
    Directory,
    File,
    Link,
    BlockDevice,
    CharacterDevice,
    Fifo,
    Socket,
}

/// <summary>A name in a directory, and where its inode is.</summary>
internal sealed record SquashfsName(byte[] Name, ulong Inode);
