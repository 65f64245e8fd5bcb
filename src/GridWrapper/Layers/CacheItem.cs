namespace GridWrapper.Layers;

/// <summary>What kind of thing lies in the cache.</summary>
internal enum CacheItemKind
{
    Layer,

    /// <summary>A layer kept as its archive, to be served.</summary>
    Packed,

    /// <summary>What was fetched of a layer that is read piece by piece.</summary>
    Lazy,

    /// <summary>A flattened image; its files are links into layers.</summary>
    Flat,

    /// <summary>The lowest directory of an image's stack: directories only.</summary>
    Stack,

    /// <summary>The small directories that make a layer of CVMFS mean the right thing in an overlay.</summary>
    Shim,

    /// <summary>Work in progress, or left by a process that was killed.</summary>
    Unfinished,
}

/// <summary>One thing in the cache.</summary>
/// <param name="Name">Digest of a layer, of a table of contents or of an image's configuration, hexadecimal; for the unfinished the name of the directory.</param>
internal sealed record CacheItem(CacheItemKind Kind, string Name, string Path)
{
    /// <summary>On disk; 0 where the files are counted with the layers.</summary>
    public long DiskBytes { get; init; }

    public long Entries { get; init; }

    public DateTimeOffset LastUsed { get; init; }

    /// <summary>The shared root it lies in, of which nothing is removed; null for the node's own cache.</summary>
    public string? SharedRoot { get; init; }

    /// <summary>Some process holds a lease on it at this moment.</summary>
    public bool InUse { get; init; }
}
