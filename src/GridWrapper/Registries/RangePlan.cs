using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>How the pieces of one blob are had.</summary>
/// <param name="Open">The bytes from one to another, both included; null where the server sends something else.</param>
/// <param name="GivenUp">The failure after so many breaks.</param>
internal sealed record RangePlan(long SizeBytes, Func<long, long, CancellationToken, Task<Stream?>> Open, Func<int, TransferBrokenException, Exception> GivenUp, TimeProvider Clock)
{
    public RangeSettings Settings { get; init; } = new();

    public PullProgress.Blob? Progress { get; init; }
}

/// <summary>When blobs are fetched in pieces.</summary>
internal sealed record RangeSettings
{
    /// <summary>Smaller blobs are there before a decision would pay.</summary>
    public long LeastBlobBytes { get; init; } = 48 * 1024 * 1024;

    /// <summary>After so much of a blob the way to the server is known.</summary>
    public long TrialBytes { get; init; } = 8 * 1024 * 1024;

    public int PieceBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Pieces on their way at a time, and held in memory.</summary>
    public int Ahead { get; init; } = 4;

    /// <summary>The part of the time that has to have gone by in waiting for the server; where the disk or the unpacking is slower, more connections do not help.</summary>
    public double LeastWaiting { get; init; } = 0.5;

    /// <summary>Bytes per second above which one connection brings all that unpacking can take.</summary>
    public double FastEnough { get; init; } = 40e6;
}
