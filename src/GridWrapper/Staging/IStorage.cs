using GridWrapper.Outputs;

namespace GridWrapper.Staging;

/// <summary>One protocol of moving files. Each call is one try; trying again is the caller's.</summary>
internal interface IStorage
{
    /// <summary>Why nothing can be moved by it on this node at all; null when it is ready.</summary>
    Task<string?> RefusalAsync(CancellationToken ct);

    /// <summary>Brings a file there and makes sure that what stands there then is the file. What stood there before is never replaced by something else.</summary>
    /// <param name="file">With the size and checksum that count.</param>
    /// <param name="place">See <see cref="Sites.StorageAddress.PlaceOf"/>.</param>
    /// <param name="ct">Ends it; what was half written is removed.</param>
    /// <exception cref="StorageException">It does not stand there.</exception>
    Task DeliverAsync(OutputFile file, string place, CancellationToken ct);

    /// <summary>Brings a file from there. A part that an earlier try left in <paramref name="target"/> is gone on with where the protocol can.</summary>
    /// <param name="place">See <see cref="Sites.StorageAddress.PlaceOf"/>.</param>
    /// <param name="target">An absolute path.</param>
    /// <param name="ct">Ends it; the part stays for the caller to remove.</param>
    /// <returns>The checksum that the storage states, null when it states none or has compared it by itself.</returns>
    /// <exception cref="StorageException">It is not all there.</exception>
    Task<FileChecksum?> FetchAsync(string place, string target, CancellationToken ct);
}
