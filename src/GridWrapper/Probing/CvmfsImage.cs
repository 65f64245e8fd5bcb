using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>A flattened image tree found in CVMFS: .flat/XX/&lt;config digest&gt;, or .images/XX/&lt;rest&gt; in the layout of the OSG.</summary>
internal sealed record CvmfsImage
{
    public required string Repository { get; init; }

    /// <summary>The path that never changes its content, never the public name.</summary>
    public required string FlatPath { get; init; }

    /// <summary>The image ID that the path states, or that follows from the layers that it states; null where neither tells.</summary>
    public required Digest? ConfigDigest { get; init; }

    /// <summary>The public name through which it was found, null if found by digest directly.</summary>
    public string? PublicName { get; init; }

    /// <summary>The digest the public name points to, when that is another one than wanted ("stale").</summary>
    public Digest? StaleName { get; init; }

    public required Verification Verification { get; init; }

    /// <summary>Environment, entry point and command read from the tree's .singularity.d, for use where the registry does not answer.</summary>
    public ImageConfig? ConfigFromTree { get; init; }
}
