using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>What an overlay over CVMFS takes: catalogs to be loaded, layers to be walked for their whiteouts, what has to be fetched, and serving what is packed.</summary>
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
        return LayerCost.OfFetching(input, HybridParts.Missing(parts)) + OfServing(input, parts) + new Cost(0, 0, 0, seconds);
    }

    private static Cost OfServing(PlanInput input, ImmutableArray<HybridPart> parts)
    {
        if (!parts.Any(p => p is HybridPart.Packed))
        {
            return Cost.Nothing;
        }

        ImmutableArray<Descriptor> missing = HybridParts.MissingPacked(parts);
        double? roundTrip = input.Image.Resolved.IsKnown(out ResolvedImage image) ? image.RoundTripSeconds : null;
        return ServedJudge.CostOf(input, roundTrip, missing, KeptForm.Of(input, missing));
    }
}
