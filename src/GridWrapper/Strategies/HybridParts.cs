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
    /// <param name="facts">What CVMFS has.</param>
    /// <param name="cached">Layers that lie unpacked on this node, by diffID.</param>
    /// <param name="packed">Those that lie packed; null where this node cannot serve them, or there are too many to be stacked.</param>
    internal static ImmutableArray<HybridPart> Choose(CvmfsLayers facts, ImmutableHashSet<Digest> cached, ImmutableHashSet<Digest>? packed = null)
    {
        if (packed is null)
        {
            return ChooseAmong(facts, cached, null);
        }

        ImmutableArray<HybridPart> parts = ChooseAmong(facts, cached, packed);
        return Directories(parts) > HybridStack.MaxDirectories ? ChooseAmong(facts, cached, null) : parts;
    }

    private static ImmutableArray<HybridPart> ChooseAmong(CvmfsLayers facts, ImmutableHashSet<Digest> cached, ImmutableHashSet<Digest>? packed)
    {
        List<HybridPart> parts = [];
        ImmutableHashSet<Digest> here = packed is null ? cached : cached.Union(packed);
        int first = 0;
        if (facts.Chain is { } chain && !Enumerable.Range(0, chain.Count).All(i => IsCached(facts, here, i)))
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

            Digest? diffId = facts.Config.DiffIds.IsEmpty ? null : facts.Config.DiffIds[i];
            bool isUnpacked = IsCached(facts, cached, i);
            bool isHere = IsCached(facts, here, i);
            parts.Add(!isHere && facts.Found.TryGetValue(blob.Digest, out CvmfsLayer? layer) ? new HybridPart.InCvmfs(blob, layer)
                : packed is not null && !isUnpacked && diffId is not null ? new HybridPart.Packed(blob, diffId, isHere)
                : new HybridPart.Stored(blob, diffId, isUnpacked));
        }

        return [.. parts];
    }

    /// <summary>How many directories these take at most: a layer of CVMFS up to three, one of this node up to two.</summary>
    internal static int Directories(IEnumerable<HybridPart> parts) => parts.Sum(p => p switch { HybridPart.InCvmfs => 3, _ => 2 });

    /// <summary>The same without CVMFS for so many of the lowest layers that the others fit; these are then fetched, and put together in one directory.</summary>
    /// <param name="directories">How many directories can be stacked.</param>
    internal static (CvmfsLayers Facts, int Lowest) Fold(CvmfsLayers facts, int directories)
    {
        ImmutableArray<Digest> distinct = [.. facts.Layers.Select(l => l.Digest).Reverse().Distinct().Reverse()];
        ImmutableArray<Digest> lowest = distinct[..Math.Max(0, distinct.Length - ((directories - 2) / 3))];
        return (facts with { Chain = null, Found = facts.Found.RemoveRange(lowest), Notes = facts.Notes.Add($"the lowest {lowest.Length} of {distinct.Length} layers are put together, since the kernel does not stack so many") }, lowest.Length);
    }

    /// <summary>Blobs that have to be fetched and unpacked.</summary>
    internal static ImmutableArray<Descriptor> Missing(ImmutableArray<HybridPart> parts) =>
        [.. parts.OfType<HybridPart.Stored>().Where(p => !p.Cached).Select(p => p.Blob)];

    /// <summary>Blobs that have to be fetched and stay packed.</summary>
    internal static ImmutableArray<Descriptor> MissingPacked(ImmutableArray<HybridPart> parts) =>
        [.. parts.OfType<HybridPart.Packed>().Where(p => !p.Cached).Select(p => p.Blob)];

    internal static bool UseCvmfs(ImmutableArray<HybridPart> parts) => parts.Any(p => p is HybridPart.InCvmfs or HybridPart.Chain);

    /// <summary>What no other way has without fetching something again: layers in CVMFS, or some unpacked on this node and others packed.</summary>
    internal static bool AreMixed(ImmutableArray<HybridPart> parts) =>
        UseCvmfs(parts) || (parts.Any(p => p is HybridPart.Packed { Cached: true }) && parts.Any(p => p is HybridPart.Stored { Cached: true }));

    /// <summary>Where each of the manifest's layers came from, in the manifest's order.</summary>
    /// <param name="unreadable">Entries that cannot be read, by blob.</param>
    internal static ImmutableArray<LayerOrigin> Origins(CvmfsLayers facts, ImmutableArray<HybridPart> parts, IReadOnlyDictionary<Digest, int> unreadable)
    {
        Dictionary<Digest, string> sources = [];
        HashSet<Digest> packed = [];
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
                case HybridPart.Packed kept:
                    sources[kept.Blob.Digest] = kept.Cached ? "cache" : "registry";
                    packed.Add(kept.Blob.Digest);
                    break;
                case HybridPart.Stored stored:
                    sources[stored.Blob.Digest] = stored.Cached ? "cache" : "registry";
                    break;
            }
        }

        return [.. facts.Layers.Select(l => new LayerOrigin(l.Digest, l.SizeBytes, sources[l.Digest]) { Packed = packed.Contains(l.Digest), Unreadable = unreadable.GetValueOrDefault(l.Digest) })];
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
