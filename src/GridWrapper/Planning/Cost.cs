namespace GridWrapper.Planning;

/// <summary>What a candidate is predicted to take before the payload can start.</summary>
/// <param name="Bytes">Bytes to fetch over the network.</param>
/// <param name="Requests">Requests to servers.</param>
/// <param name="Files">Files to create on this node.</param>
/// <param name="Seconds">Rough total time.</param>
internal sealed record Cost(long Bytes, int Requests, long Files, double Seconds)
{
    internal static readonly Cost Nothing = new(0, 0, 0, 0);

    /// <summary>What it takes in the cache; null where nobody reckoned it.</summary>
    public long? DiskBytes { get; init; }

    public static Cost operator +(Cost left, Cost right) =>
        new(left.Bytes + right.Bytes, left.Requests + right.Requests, left.Files + right.Files, left.Seconds + right.Seconds)
        {
            DiskBytes = left.DiskBytes is null && right.DiskBytes is null ? null : (left.DiskBytes ?? 0) + (right.DiskBytes ?? 0),
        };
}
