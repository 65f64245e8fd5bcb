using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>A manifest pinned by digest for this job, with its configuration.</summary>
internal sealed record ResolvedImage(ImageManifest Manifest, ImageConfig Config)
{
    /// <summary>Requests and bytes it took to find out.</summary>
    public int Requests { get; init; }

    public long BytesFetched { get; init; }

    /// <summary>Time of one of those requests, null where none was sent.</summary>
    public double? RoundTripSeconds { get; init; }
}
