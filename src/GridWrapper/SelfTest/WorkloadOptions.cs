namespace GridWrapper.SelfTest;

/// <summary>Which API a loopback workload manager speaks.</summary>
internal enum WorkloadApi
{
    /// <summary>v1; the legacy paths are forbidden.</summary>
    V1,

    /// <summary>Legacy; v1 paths are answered 403.</summary>
    LegacyForbiddingV1,

    /// <summary>Legacy; v1 paths are answered 404.</summary>
    LegacyWithoutV1,
}

/// <summary>How a loopback workload manager behaves.</summary>
internal sealed record WorkloadOptions
{
    public WorkloadApi Api { get; init; }

    /// <summary>When set, callers have to show this bearer token and an Origin.</summary>
    public string? Token { get; init; }

    /// <summary>The key for which <see cref="Token"/> is given out.</summary>
    public string? TokenKey { get; init; }

    /// <summary>Given out for the key in place of <see cref="Token"/>, and good like it.</summary>
    public string? RenewedToken { get; init; }

    /// <summary>Whether callers count as having Role=production, which updates need.</summary>
    public bool ProductionRole { get; init; } = true;
}
