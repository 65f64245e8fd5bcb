using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>What the image repositories hold of an image, layer by layer.</summary>
internal sealed record CvmfsLayers
{
    /// <summary>The image's layers, base layer first: from the registry's manifest, or, where that could not be had, from the repository's own copy.</summary>
    public required ImmutableArray<Descriptor> Layers { get; init; }

    /// <summary>With a diffID for every layer.</summary>
    public required ImageConfig Config { get; init; }

    /// <summary>The configuration's digest as the manifest states it.</summary>
    public required Digest ConfigDigest { get; init; }

    /// <summary>Verified by the registry's manifest, or unverified.</summary>
    public required Verification Verification { get; init; }

    /// <summary>Complete layers, by blob digest.</summary>
    public required ImmutableDictionary<Digest, CvmfsLayer> Found { get; init; }

    /// <summary>The bottom layers put together, where a repository has them; the longest such run.</summary>
    public CvmfsChain? Chain { get; init; }

    /// <summary>Why layers were passed over that were there.</summary>
    public ImmutableArray<string> Notes { get; init; } = [];
}

/// <summary>One layer in CVMFS, complete, with metadata that names the wanted digests.</summary>
/// <param name="Repository">Name of the repository it lies in.</param>
/// <param name="Tree">Absolute path of its layerfs directory.</param>
/// <param name="Entries">Files, directories and links in it, where its catalog tells.</param>
internal sealed record CvmfsLayer(string Repository, string Tree, long? Entries);

/// <summary>The bottom layers of an image put together by the publisher: set-id and sticky bits are lost, whiteouts are applied.</summary>
/// <param name="Count">How many layers it holds.</param>
internal sealed record CvmfsChain(int Count, string Repository, string Tree);
