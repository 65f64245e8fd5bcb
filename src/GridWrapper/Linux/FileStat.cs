namespace GridWrapper.Linux;

/// <summary>What statx(2) says of one file, links not followed.</summary>
internal readonly record struct FileStat
{
    /// <summary>Type and permission bits as in st_mode.</summary>
    public required uint Mode { get; init; }

    public required uint Uid { get; init; }

    public required ulong Inode { get; init; }

    public required ulong Device { get; init; }

    public required long Size { get; init; }

    /// <summary>What it takes on disk; holes take nothing.</summary>
    public long AllocatedBytes { get; init; }

    public required FileTime Modified { get; init; }

    public bool IsDirectory => (Mode & Libc.S_IFMT) == Libc.S_IFDIR;

    public bool IsSymlink => (Mode & Libc.S_IFMT) == Libc.S_IFLNK;

    public bool IsRegular => (Mode & Libc.S_IFMT) == Libc.S_IFREG;

    public bool IsCharacterDevice => (Mode & Libc.S_IFMT) == Libc.S_IFCHR;

    public bool IsBlockDevice => (Mode & Libc.S_IFMT) == 0x6000;

    /// <summary>The twelve permission bits.</summary>
    public uint Permissions => Mode & 0xFFF;
}

/// <summary>A point in time as the kernel keeps it: seconds since 1970 and nanoseconds below one second.</summary>
internal readonly record struct FileTime(long Seconds, long Nanoseconds);
