using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Serving;

namespace GridWrapper.Strategies;

/// <summary>What a root that this process serves needs of the node, and what getting it costs. Pure.</summary>
internal static class ServedJudge
{
    /// <summary>Two cores that receive, verify, inflate and write, until the node's own pulls are known.</summary>
    private const double UsualBytesPerSecond = 130e6;
    /// <summary>The node's zlib inflates at half the pace of .NET's.</summary>
    private const double CompressedPacking = 1.5;
    private const double UsualSecondsPerRequest = 0.1;

    /// <summary>Mounting, and what the payload loses at the first reading of each file: an image of a few megabytes is unpacked faster than that.</summary>
    private const double Serving = 0.25;

    internal static Verdict.Refused? Refuse(PlanInput input)
    {
        if (FuseJudge.Refuse(input.Host, "the layers cannot be served") is { } refused)
        {
            return refused;
        }

        // A read-only root needs no overlay above the served one.
        return input.Writable && input.Host.Namespaces.IsKnown(out NamespaceFacts facts) && !facts.Overlay.Works
            ? FuseJudge.Refused($"a writable root above served layers needs overlay in a user namespace, which does not work here ({facts.Overlay.Detail}); without --writable they can be served") with { Errno = facts.Overlay.Errno }
            : null;
    }

    /// <summary>Layers that do not lie packed in the cache, each once.</summary>
    internal static ImmutableArray<Descriptor> Missing(PlanInput input, ResolvedImage image) =>
        [.. ImageLayer.Distinct(image.Layers).Where(layer => input.Image.PackedLayers?.Contains(layer.DiffId) != true).Select(layer => layer.Blob)];

    /// <summary>Bringing these layers and serving all.</summary>
    internal static Cost CostOf(PlanInput input, ResolvedImage image, ImmutableArray<Descriptor> missing, KeptForm kept) => CostOf(input, image.RoundTripSeconds, missing, kept);

    internal static Cost CostOf(PlanInput input, double? roundTripSeconds, ImmutableArray<Descriptor> missing, KeptForm kept)
    {
        long bytes = missing.Sum(layer => layer.SizeBytes);
        double packing = bytes / (input.Image.PackedBytesPerSecond ?? UsualBytesPerSecond);
        packing *= kept.Form == KeptAs.Compressed ? CompressedPacking : 1;
        return new Cost(bytes, missing.Length, missing.Length * KeptForm.FilesPerLayer, packing + (missing.Length * (roundTripSeconds ?? UsualSecondsPerRequest)) + Serving) { DiskBytes = (long)kept.Bytes };
    }
}
