namespace GridWrapper.Diagnostics;

/// <summary>Who has to act on a failure. The names in lower case are the `blame` values of gridwrap-result.json and of stderr's last line.</summary>
internal enum Blame
{
    /// <summary>The job: its parameters, its image reference, its payload's outputs.</summary>
    User,

    /// <summary>The image's own content: manifest, layers, configuration, missing command.</summary>
    Image,

    /// <summary>The image registry: unreachable, refusing, rate limiting, or serving bytes that do not match their digest.</summary>
    Registry,

    /// <summary>CVMFS on this node: absent, hung, dead, I/O errors, stale.</summary>
    Cvmfs,

    /// <summary>The node or its configuration: namespaces, space, binds, runtime, site profile.</summary>
    Site,

    /// <summary>The workload manager.</summary>
    Server,

    /// <summary>A defect in this program.</summary>
    GridWrap,
}
