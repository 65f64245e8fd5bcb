namespace GridWrapper.Layers;

/// <summary>What an honest layer stays below. A layer that exceeds them is refused while it streams.</summary>
internal sealed record ExtractionLimits
{
    /// <summary>The best that deflate does is 1 : 1032; real layers reach 1 : 20, logs and zero-filled databases 1 : 100.</summary>
    internal const int MaxRatio = 200;

    /// <summary>Below this size the ratio says nothing: a small blob of one repetitive file is honest.</summary>
    internal const long RatioFloorBytes = 1L << 30;

    /// <summary>Forty times the largest HEP image.</summary>
    public long MaxEntries { get; init; } = 5_000_000;

    /// <summary>Uncompressed bytes, padding included.</summary>
    public required long MaxBytes { get; init; }

    /// <summary>One file once made, holes of a sparse file included: more than any data set in an image, less than what a file system refuses.</summary>
    public long MaxFileBytes { get; init; } = 1L << 40;

    internal static ExtractionLimits ForBlob(long compressedBytes) =>
        new() { MaxBytes = compressedBytes > long.MaxValue / MaxRatio ? long.MaxValue : Math.Max(RatioFloorBytes, compressedBytes * MaxRatio) };
}
