using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>What all protocols share.</summary>
internal sealed record StorageContext
{
    public required StoragePolicy Policy { get; init; }

    /// <summary>The caller's variables, for helper programs.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Watches over one transfer.</summary>
    /// <param name="sizeBytes">Of the file whose checksum the storage may compute in silence; 0 for none.</param>
    /// <param name="ct">The caller's own wish to end.</param>
    internal StallGuard Guard(long sizeBytes, CancellationToken ct) => new(StallGuard.Limit(Policy.StallSeconds, sizeBytes), Time, ct);
}
