namespace GridWrapper.Serving;

/// <summary>When the rest of a lazily read image comes.</summary>
internal abstract record LazyPolicy
{
    /// <summary>All is on the node before the payload starts.</summary>
    internal sealed record BeforeRun : LazyPolicy;

    /// <summary>In the background, giving way to reads until so much time has passed; then there is a warning, and it does not any more.</summary>
    internal sealed record Within(TimeSpan Limit) : LazyPolicy;

    /// <summary>Only what the payload asks for, and what is wanted at the start.</summary>
    internal sealed record OnDemand : LazyPolicy;
}

/// <summary>How a lazily read image is fetched.</summary>
internal sealed record LazyOptions
{
    /// <summary>So long a read waits for a registry that has gone away. Less than what a job may do nothing before it counts as looping.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Between two lines that say so.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After a read has waited in vain: so long other reads fail at once, before the registry is asked again.</summary>
    public TimeSpan Rest { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Of the blob, with what a read asks for; twice as much each time where reads follow one another.</summary>
    public int DemandBytes { get; init; } = 256 * 1024;

    /// <summary>Of the blob in one request, where it is not a single piece that has more.</summary>
    public int RequestBytes { get; init; } = 4 << 20;

    /// <summary>Bytes that are fetched in vain rather than asked for apart.</summary>
    public int GapBytes { get; init; } = 128 * 1024;

    /// <summary>Requests in the background at a time.</summary>
    public int Ahead { get; init; } = 4;

    /// <summary>So long a job waits for another that fetches what both want at the start, and so long for one that fetches the rest.</summary>
    public TimeSpan StartPatience { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan FillPatience { get; init; } = TimeSpan.FromMinutes(60);

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public Random Random { get; init; } = Random.Shared;
}
