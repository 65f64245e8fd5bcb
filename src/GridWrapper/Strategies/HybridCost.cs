using GridWrapper.Planning;

namespace GridWrapper.Strategies;

/// <summary>What an overlay over CVMFS takes: catalogs to be loaded, layers to be walked for their whiteouts, and what has to be fetched.</summary>
internal static class HybridCost
{
    /// <summary>The CVMFS client fetches a catalog; eight layers are opened at a time.</summary>
    private const double SecondsPerCatalog = 0.1;
    private const int CatalogsAtOnce = 8;

    /// <summary>One look at a file through FUSE, by four threads.</summary>
    private const double SecondsPerEntry = 15e-6;

    internal static Cost Of(PlanInput input, ImmutableArray<HybridPart> parts)
    {
        HybridPart.InCvmfs[] inPlace = [.. parts.OfType<HybridPart.InCvmfs>()];
        double entries = inPlace.Sum(p => p.Layer.Entries ?? p.Blob.SizeBytes / LayerCost.CompressedBytesPerFile);
        int catalogs = inPlace.Length + parts.Count(p => p is HybridPart.Chain);
        double seconds = (Math.Ceiling((double)catalogs / CatalogsAtOnce) * SecondsPerCatalog) + (entries * SecondsPerEntry);
        return LayerCost.OfFetching(input, HybridParts.Missing(parts)) + new Cost(0, 0, 0, seconds);
    }
}
