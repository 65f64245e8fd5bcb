namespace GridWrapper.Launching;

/// <summary>What a payload is given so that it can use the node's GPUs.</summary>
internal sealed record GpuSupply
{
    /// <summary>Device nodes, shown at their own paths.</summary>
    public ImmutableArray<string> Devices { get; init; } = [];

    /// <summary>Files and directories of the driver, read-only.</summary>
    public ImmutableArray<BindMount> Files { get; init; } = [];

    public ImmutableSortedDictionary<string, string> Environment { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Directories inside, separated by colons, that come behind the image's own LD_LIBRARY_PATH; empty for none.</summary>
    public string LibraryPath { get; init; } = "";

    /// <summary>What the payload does not get, and why; for people.</summary>
    public ImmutableArray<string> Notes { get; init; } = [];
}
