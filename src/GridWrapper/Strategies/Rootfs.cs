using GridWrapper.Images;

namespace GridWrapper.Strategies;

/// <summary>A root filesystem on this node, or the prediction of one (same type, so that a dry run shows what a run would use).</summary>
internal sealed record Rootfs
{
    public required string Strategy { get; init; }

    /// <summary>Absolute host directories, topmost layer first; one entry = a whole tree. Never modified by a launch.</summary>
    public required ImmutableArray<string> LowerDirectories { get; init; }

    /// <summary>Whiteouts are overlay's own with user.overlay.* attributes, so the overlay must be mounted with `userxattr`.</summary>
    public bool UserXattr { get; init; }

    /// <summary>Some of what its layers remove, for the self-test of the assembled root; positions are those of <see cref="LowerDirectories"/>.</summary>
    public ImmutableArray<Probing.LayerRemoval> Removals { get; init; } = [];

    /// <summary>Null where the image has none (a plain directory).</summary>
    public ImageConfig? Config { get; init; }

    /// <summary>What a look into it told, null where nobody looked.</summary>
    public Probing.ImageInside? Inside { get; init; }

    /// <summary>The SIF or squashfs file that it comes from, null for other images.</summary>
    public string? ImageFile { get; init; }

    /// <summary>The file system has to be served by a program in the launch's own namespaces; <see cref="LowerDirectories"/> is where. Null where the directories are there.</summary>
    public ImageMount? Mount { get; init; }

    /// <summary>A directory with the few files that tell what the image is, where the root itself is not there to be looked at.</summary>
    public string? Look { get; init; }

    /// <summary>This process serves it, in the launch's own namespaces; <see cref="LowerDirectories"/> is where. Null where the directories are there, or in a prediction.</summary>
    public Serving.ServedRoot? Served { get; init; }

    /// <summary>It is, or in a prediction would be, served by this process as a whole.</summary>
    public bool IsServed { get; init; }

    /// <summary>Of a stack of which this process serves some layers: those of <see cref="LowerDirectories"/>, and where each is kept. Null where it serves none, or all.</summary>
    public IReadOnlyDictionary<string, string>? Packed { get; init; }

    /// <summary>Where this process serves what it serves; null for nothing.</summary>
    public string? ServedAt => IsServed ? LowerDirectories[0] : Packed is null ? null : Path.GetDirectoryName(Packed.Keys.First());

    /// <summary>The whole tree, where it lies in no directory but is known.</summary>
    public Probing.TreeLayer? Tree => Served is { IsStack: false } served ? new ServedLayer(served) : null;

    /// <summary>Where to look for what the image holds.</summary>
    public ImmutableArray<string> Visible => Look is { } look ? [look] : IsServed ? [] : Packed is null ? LowerDirectories
        : [.. LowerDirectories.Select(directory => Packed.TryGetValue(directory, out string? kept) ? Probing.TreeLayer.PackedPrefix + kept : directory)];

    /// <summary>What is on this node of it, for people.</summary>
    public IEnumerable<string> Places => Packed is null ? LowerDirectories : LowerDirectories.Select(directory => Packed.GetValueOrDefault(directory, directory));

    /// <summary>Where each layer came from, for the report.</summary>
    public ImmutableArray<LayerOrigin> Layers { get; init; } = [];

    public TransferCounts Transfer { get; init; } = new();

    public RootfsForm Form => LowerDirectories.Length == 1 ? RootfsForm.Tree : RootfsForm.Stack;
}

/// <summary>Origin of one layer.</summary>
/// <param name="Digest">Digest of the blob as the manifest names it.</param>
/// <param name="Source">"cvmfs", "cache", "registry" or "local".</param>
internal sealed record LayerOrigin(Digest Digest, long SizeBytes, string Source)
{
    /// <summary>Entries of a layer used in CVMFS or in a shared cache root that this user cannot read there.</summary>
    public int Unreadable { get; init; }

    /// <summary>It is kept as its archive, and served.</summary>
    public bool Packed { get; init; }

    /// <summary>The shared cache root that holds a layer of source "cache"; null for the node's own cache.</summary>
    public string? Root { get; init; }
}

/// <summary>What moved while materialising.</summary>
internal sealed record TransferCounts
{
    public long BytesFetched { get; init; }

    public int Requests { get; init; }

    public long BytesFromCache { get; init; }

    public long BytesFromCvmfs { get; init; }

    /// <summary>Entries of the layers that were unpacked, and the few files of those that were packed.</summary>
    public long FilesMade { get; init; }
}
