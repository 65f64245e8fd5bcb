namespace GridWrapper.Launching;

/// <summary>How far the payload is kept from the node, and who it is inside, where that is a choice.</summary>
internal sealed record Isolation
{
    /// <summary>The payload is root inside: changes of ownership and identity are answered with success, or are real where it has a range of ids.</summary>
    public bool FakeRoot { get; init; }

    /// <summary>System calls that jobs have no need of are refused.</summary>
    public bool DenySystemCalls { get; init; }

    /// <summary>The caller's session keyring stays in reach (AFS, Kerberos).</summary>
    public bool KeepKeyring { get; init; }

    /// <summary>Files of the kernel's that tell of the node are hidden; a fresh /proc in a nested container is then impossible.</summary>
    public bool MaskKernelFiles { get; init; }

    public IdMapping Mapping { get; init; } = IdMapping.Single;
}

/// <summary>Which ids exist inside.</summary>
internal enum IdMapping
{
    /// <summary>The caller's own.</summary>
    Single,

    /// <summary>The range that /etc/subuid and /etc/subgid give the caller; without one the single id, with a warning.</summary>
    Range,

    /// <summary>The range where there is one.</summary>
    Auto,
}
