namespace GridWrapper.Probing;

/// <summary>/cvmfs as seen by disposable children with deadlines.</summary>
internal sealed record CvmfsFacts
{
    /// <summary>Usually /cvmfs; GRIDWRAP_CVMFS_ROOT or the profile may move it.</summary>
    public required string Root { get; init; }

    /// <summary>The root exists on this node: something is mounted at or below it, or a child saw a directory there.</summary>
    public bool Present { get; init; }

    public required ImmutableArray<CvmfsRepositoryFacts> Repositories { get; init; }
}
