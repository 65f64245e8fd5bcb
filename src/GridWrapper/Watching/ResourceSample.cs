namespace GridWrapper.Watching;

/// <summary>What a payload's processes use together at one moment. Times and transfers only grow.</summary>
internal sealed record ResourceSample
{
    public required DateTimeOffset Time { get; init; }

    /// <summary>Since the payload's start.</summary>
    public double WallSeconds { get; init; }

    public double UserSeconds { get; init; }

    public double SystemSeconds { get; init; }

    public long RssBytes { get; init; }

    /// <summary>Shared pages counted in parts; the last one measured where it was not measured this time.</summary>
    public long PssBytes { get; init; }

    public long SwapBytes { get; init; }

    public long VirtualBytes { get; init; }

    /// <summary>By read(2) and the like, whether from disk or not.</summary>
    public long ReadChars { get; init; }

    public long WrittenChars { get; init; }

    /// <summary>From storage.</summary>
    public long ReadBytes { get; init; }

    public long WrittenBytes { get; init; }

    /// <summary>Of all interfaces that the payload sees, hence of everybody on the node: an upper bound.</summary>
    public NetworkCounters Network { get; init; } = new(0, 0, 0, 0);

    public int Processes { get; init; }

    public int Threads { get; init; }

    internal double CpuSeconds => UserSeconds + SystemSeconds;
}

/// <summary>Counters of network interfaces.</summary>
internal sealed record NetworkCounters(long ReceivedBytes, long ReceivedPackets, long SentBytes, long SentPackets)
{
    internal NetworkCounters Since(NetworkCounters start) => new(
        ReceivedBytes - start.ReceivedBytes,
        ReceivedPackets - start.ReceivedPackets,
        SentBytes - start.SentBytes,
        SentPackets - start.SentPackets);
}
