namespace GridWrapper.Probing;

/// <summary>What a look into an image's tree told. Only what was asked for is filled in.</summary>
internal sealed record ImageInside
{
    /// <summary>There is a /bin/sh that can be executed.</summary>
    public bool HasShell { get; init; }

    /// <summary>Names of /.singularity.d/env/*.sh in the order in which they are read; empty where the tree has none.</summary>
    public ImmutableArray<string> Scripts { get; init; } = [];

    /// <summary>/.singularity.d/runscript can be executed.</summary>
    public bool HasRunscript { get; init; }

    /// <summary>What the scripts say, as far as they are of the form that converters write; null where they say nothing of the kind.</summary>
    public Images.ImageConfig? Config { get; init; }

    /// <summary>The user of the image's configuration, null where none was asked for.</summary>
    public ImageUser? User { get; init; }

    /// <summary>Highest version of the GNU C library that libc.so.6 of the image provides, such as "2.34"; empty where it has no such library, null where nobody asked.</summary>
    public string? Glibc { get; init; }

    /// <summary>The image brings its own ROCm.</summary>
    public bool HasRocm { get; init; }

    /// <summary>What stands at places that were asked about.</summary>
    public ImmutableSortedDictionary<string, InsidePlace> Places { get; init; } = ImmutableSortedDictionary<string, InsidePlace>.Empty;
}

/// <summary>What stands at a path of an image.</summary>
internal enum InsidePlace
{
    Missing,
    EmptyDirectory,
    Directory,
    Other,
}

/// <summary>User and group of an image's configuration, looked up in the image's own passwd and group.</summary>
/// <param name="Uid">Null where the image does not know the name.</param>
/// <param name="Home">Empty where passwd has no entry.</param>
/// <param name="HomeClosed">The home directory exists and is closed to others than its owner and group.</param>
internal sealed record ImageUser(string Asked, long? Uid, long? Gid, string Home, bool HomeClosed);
