namespace GridWrapper.Probing;

/// <summary>How far a CVMFS copy was compared with what the registry serves.</summary>
internal enum Verification
{
    /// <summary>The registry answered and its config digest is the tree's.</summary>
    Verified,

    /// <summary>The registry answered with another config digest.</summary>
    Stale,

    /// <summary>The registry did not answer or was not asked.</summary>
    Unverified,
}
