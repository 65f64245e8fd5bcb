using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>What it takes to bring the layers of an image into the node's cache: a rough model until it is fed with measurements of the node.</summary>
internal static class LayerCost
{
    internal const double CompressedBytesPerFile = LayerEstimate.CompressedBytesPerFile;

    /// <summary>One core receiving, verifying and unpacking, until the node's own pulls are known.</summary>
    private const double UsualBytesPerSecond = 50e6;
    private const double UsualSecondsPerRequest = 0.1;
    private const double SecondsPerFile = 100e-6;
    private const double SecondsPerLink = 15e-6;

    /// <summary>Layers that are not in the cache, each once.</summary>
    internal static ImmutableArray<Descriptor> Missing(PlanInput input, ResolvedImage image) =>
        [.. ImageLayer.Distinct(image.Layers).Where(layer => !input.Image.CachedLayers.Contains(layer.DiffId)).Select(layer => layer.Blob)];

    /// <param name="fromNetwork">False where the layers are files of this node.</param>
    internal static Cost Of(PlanInput input, ResolvedImage image, RootfsForm form, bool fromNetwork)
    {
        ImmutableArray<Descriptor> missing = Missing(input, image);
        long bytes = missing.Sum(layer => layer.SizeBytes);
        double files = bytes / CompressedBytesPerFile;
        double links = form == RootfsForm.Tree ? image.Manifest.Layers.Sum(layer => layer.SizeBytes) / CompressedBytesPerFile : 0;
        Cost fetching = OfFetching(input, missing);
        return fetching with { Bytes = fromNetwork ? bytes : 0, Requests = fromNetwork ? fetching.Requests : 0, Files = (long)(files + links), Seconds = fetching.Seconds + (links * SecondsPerLink) };
    }

    /// <summary>Blobs from the registry, unpacked: with the round trip that finding the manifest took, and at the rate of earlier pulls into this cache.</summary>
    internal static Cost OfFetching(PlanInput input, ImmutableArray<Descriptor> missing)
    {
        long bytes = missing.Sum(layer => layer.SizeBytes);
        double files = bytes / CompressedBytesPerFile;
        int requests = missing.Length;
        double roundTrip = (input.Image.Resolved.IsKnown(out ResolvedImage image) ? image.RoundTripSeconds : null) ?? UsualSecondsPerRequest;
        double unpacking = input.Image.PullBytesPerSecond is { } measured ? bytes / measured : (bytes / UsualBytesPerSecond) + (files * SecondsPerFile);
        return new Cost(bytes, requests, (long)files, unpacking + (requests * roundTrip)) { DiskBytes = (long)LayerEstimate.Bytes(missing) };
    }

    /// <summary>A refusal if the cache's file system cannot hold what is missing; null if it can, or if its space is not known.</summary>
    internal static Verdict.Refused? NoSpace(PlanInput input, ImmutableArray<Descriptor> missing) =>
        NoSpace(input, (LayerEstimate.Bytes(missing), LayerEstimate.LeastFiles(missing)), $"{LayerEstimate.Words(missing)} unpacked");

    /// <param name="needed">Bytes, and how many files are certain to be made.</param>
    /// <param name="need">The same for people.</param>
    internal static Verdict.Refused? NoSpace(PlanInput input, (double Bytes, double Files) needed, string need)
    {
        SpaceFacts? space = input.Host.Space.FirstOrDefault(s => s.Purpose == "cache");
        if (space is null)
        {
            return null;
        }

        FileSystemState free = new(0, Sum(space.FreeBytes, input.RemovableBytes), Sum(space.FreeInodes, input.RemovableEntries));
        return needed.Bytes <= free.FreeBytes && needed.Files <= free.FreeInodes
            ? null
            : new Verdict.Refused
            {
                Reason = $"the layers need {need}, the cache {space.Path} has {CacheFault.Free(free)}{(input.RemovableEntries > 0 ? ", with what could be removed" : "")}",
                Blame = Diagnostics.Blame.Site,
                PilotErrorCode = Diagnostics.PilotError.NoLocalSpace,
                Errno = "ENOSPC",
                Retryable = true,
            };
    }

    private static long Sum(long free, long removable) => free > long.MaxValue - removable ? long.MaxValue : free + removable;
}
