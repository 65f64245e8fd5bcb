using GridWrapper.Images;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>Chooses where each layer comes from. Pure.</summary>
internal static class HybridParts
{
    /// <summary>
    /// Base first. What this node has on its own disk comes before CVMFS, CVMFS before the registry. Of a layer that occurs twice the topmost occurrence counts:
    /// it hides the other completely, and overlay refuses the same directory twice.
    /// </summary>
    internal static ImmutableArray<HybridPart> Choose(CvmfsLayers facts, ImmutableHashSet<Digest> cached)
    {
        List<HybridPart> parts = [];
        int first = 0;
        if (facts.Chain is { } chain && !Enumerable.Range(0, chain.Count).All(i => IsCached(facts, cached, i)))
        {
            parts.Add(new HybridPart.Chain(chain, facts.Layers[..chain.Count]));
            first = chain.Count;
        }

        for (int i = first; i < facts.Layers.Length; i++)
        {
            Descriptor blob = facts.Layers[i];
            if (facts.Layers.Skip(i + 1).Any(later => later.Digest == blob.Digest))
            {
                continue;
            }

            bool here = IsCached(facts, cached, i);
            parts.Add(!here && facts.Found.TryGetValue(blob.Digest, out CvmfsLayer? layer)
                ? new HybridPart.InCvmfs(blob, layer)
                : new HybridPart.Stored(blob, facts.Config.DiffIds.IsEmpty ? null : facts.Config.DiffIds[i], here));
        }

        return [.. parts];
    }

    /// <summary>How many directories these take at most: a layer of CVMFS up to three, an unpacked one up to two.</summary>
    internal static int Directories(IEnumerable<HybridPart> parts) => parts.Sum(p => p switch { HybridPart.InCvmfs => 3, _ => 2 });

    /// <summary>The same without CVMFS for so many of the lowest layers that the others fit; these are then fetched, and put together in one directory.</summary>
    /// <param name="directories">How many directories can be stacked.</param>
    internal static (CvmfsLayers Facts, int Lowest) Fold(CvmfsLayers facts, int directories)
    {
        ImmutableArray<Digest> distinct = [.. facts.Layers.Select(l => l.Digest).Reverse().Distinct().Reverse()];
        ImmutableArray<Digest> lowest = distinct[..Math.Max(0, distinct.Length - ((directories - 2) / 3))];
        return (facts with { Chain = null, Found = facts.Found.RemoveRange(lowest), Notes = facts.Notes.Add($"the lowest {lowest.Length} of {distinct.Length} layers are put together, since the kernel does not stack so many") }, lowest.Length);
    }

    /// <summary>Blobs that have to be fetched.</summary>
    internal static ImmutableArray<Descriptor> Missing(ImmutableArray<HybridPart> parts) =>
        [.. parts.OfType<HybridPart.Stored>().Where(p => !p.Cached).Select(p => p.Blob)];

    internal static bool UseCvmfs(ImmutableArray<HybridPart> parts) => parts.Any(p => p is HybridPart.InCvmfs or HybridPart.Chain);

    /// <summary>Where each of the manifest's layers came from, in the manifest's order.</summary>
    /// <param name="unreadable">Entries that cannot be read, by blob.</param>
    internal static ImmutableArray<LayerOrigin> Origins(CvmfsLayers facts, ImmutableArray<HybridPart> parts, IReadOnlyDictionary<Digest, int> unreadable)
    {
        Dictionary<Digest, string> sources = [];
        foreach (HybridPart part in parts)
        {
            switch (part)
            {
                case HybridPart.Chain chain:
                    foreach (Descriptor blob in chain.Blobs)
                    {
                        sources[blob.Digest] = "cvmfs";
                    }

                    break;
                case HybridPart.InCvmfs layer:
                    sources[layer.Blob.Digest] = "cvmfs";
                    break;
                case HybridPart.Stored stored:
                    sources[stored.Blob.Digest] = stored.Cached ? "cache" : "registry";
                    break;
            }
        }

        return [.. facts.Layers.Select(l => new LayerOrigin(l.Digest, l.SizeBytes, sources[l.Digest]) { Unreadable = unreadable.GetValueOrDefault(l.Digest) })];
    }

    /// <summary>What did not have to be fetched, each blob once.</summary>
    internal static TransferCounts Saved(ImmutableArray<LayerOrigin> origins)
    {
        long Sum(string source) => origins.Where(o => o.Source == source).DistinctBy(o => o.Digest).Sum(o => o.SizeBytes);
        return new TransferCounts { BytesFromCache = Sum("cache"), BytesFromCvmfs = Sum("cvmfs") };
    }

    private static bool IsCached(CvmfsLayers facts, ImmutableHashSet<Digest> cached, int index) =>
        !facts.Config.DiffIds.IsEmpty && cached.Contains(facts.Config.DiffIds[index]);
}
