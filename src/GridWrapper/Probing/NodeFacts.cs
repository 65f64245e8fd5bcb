namespace GridWrapper.Probing;

/// <summary>Identity and size of the node.</summary>
internal sealed record NodeFacts
{
    public required string HostName { get; init; }

    /// <summary>PRETTY_NAME of os-release, or "unknown".</summary>
    public required string OperatingSystem { get; init; }

    public required string Kernel { get; init; }

    /// <summary>OCI architecture name: amd64, arm64…</summary>
    public required string Architecture { get; init; }

    /// <summary>x86-64-v1…v4 or the architecture's own level, "unknown" where not determined.</summary>
    public required string CpuLevel { get; init; }

    public required string CpuModel { get; init; }

    /// <summary>Cores this process may use (affinity and cgroup considered).</summary>
    public required int Cores { get; init; }

    public required long MemoryBytes { get; init; }

    /// <summary>The tightest memory limit on this process (cgroup v1/v2, rlimit), null when there is none.</summary>
    public long? MemoryLimitBytes { get; init; }

    public required uint Uid { get; init; }

    public required uint Gid { get; init; }

    /// <summary>From the environment or /etc/passwd; never from NSS. Null when not found.</summary>
    public string? UserName { get; init; }
}
