namespace GridWrapper.Sites;

/// <summary>How far payloads are kept from the node beyond what is always done. docs/isolation.md explains each.</summary>
internal sealed record IsolationPolicy
{
    /// <summary>"none", or "deny": system calls that jobs have no need of are refused, 32-bit programs do not run.</summary>
    public string Seccomp { get; init; } = "none";

    /// <summary>"new" (an empty session keyring) or "keep" (the pilot's: AFS and Kerberos tokens stay in reach).</summary>
    public string Keyring { get; init; } = "new";

    public bool MaskKernelFiles { get; init; }
}

/// <summary>Who payloads are inside.</summary>
internal sealed record IdentityPolicy
{
    /// <summary>"single", "range" (of /etc/subuid and /etc/subgid, with a warning where there is none) or "auto" (a range where there is one).</summary>
    public string Map { get; init; } = "single";

    public bool FakeRoot { get; init; }
}
