namespace GridWrapper.Probing;

/// <summary>/cvmfs as seen by disposable children with deadlines.</summary>
internal sealed record CvmfsFacts
{
    /// <summary>Usually /cvmfs; GRIDWRAP_CVMFS_ROOT or the profile may move it.</summary>
    public required string Root { get; init; }

    public required ImmutableArray<CvmfsRepositoryFacts> Repositories { get; init; }
}
