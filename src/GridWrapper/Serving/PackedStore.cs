using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>The node's packed layers: each its archive and an index of it, to be served instead of unpacked.</summary>
internal sealed class PackedStore(CacheDirectory cache, TimeProvider clock, CacheLeases? leases = null) : KeptLayers<PackedLayer>(cache, clock)
{
    /// <summary>Directory, archive, index, lock.</summary>
    private const int FilesPerLayer = 4;
    private static readonly RoomLog Log = new(nameof(PackedStore));
    private readonly OwnLayers _own = new(cache, leases);

    /// <summary>Roots that are only read.</summary>
    public ImmutableArray<string> SharedRoots { get; init; } = [];

    protected override string WorkPrefix => "layer-packed-";

    protected override string TurnPrefix => "image-packed-";

    /// <summary>Those of the layers that are in the cache already, or in a root that is only read. Reads only, and cheap: whether they are sound is seen when they are used.</summary>
    internal static ImmutableHashSet<Digest> FindCached(CacheDirectory cache, IEnumerable<Digest> diffIds, ImmutableArray<string> sharedRoots = default)
    {
        ImmutableArray<CacheDirectory> roots = [cache, .. sharedRoots.IsDefaultOrEmpty ? [] : sharedRoots.Where(PackedRoots.IsTrusted).Select(root => new CacheDirectory(root))];
        return [.. diffIds.Where(diffId => roots.Any(root => File.Exists($"{root.PackedDirectory(diffId)}/{PackedLayer.IndexName}")))];
    }

    protected override PackedLayer? Find(Digest diffId)
    {
        string directory = Cache.PackedDirectory(diffId);
        if (File.Exists($"{directory}/{PackedLayer.IndexName}") && leases?.TryHold(directory) != false && Read(diffId, directory) is { } own)
        {
            return own;
        }

        foreach (string root in SharedRoots)
        {
            string shared = new CacheDirectory(root).PackedDirectory(diffId);
            if (File.Exists($"{shared}/{PackedLayer.IndexName}") && PackedRoots.IsTrusted(root))
            {
                leases?.ShareIfPossible(shared);
                if (Read(diffId, shared) is { } found)
                {
                    return found with { SharedRoot = root };
                }
            }
        }

        return null;
    }

    protected override async Task<PackedLayer> MakeAsync(ImageLayer layer, string work, IBlobSource source, CancellationToken ct)
    {
        PackedIndex index;
        await using (Stream stream = await source.OpenAsync(layer.Blob, ct))
        {
            using SafeFileHandle data = File.OpenHandle($"{work}/{PackedLayer.DataName}", FileMode.CreateNew, FileAccess.Write, FileShare.None);
            index = await LayerPacker.PackAsync(stream, layer, data, ct);
        }

        PackedIndexFile.Write($"{work}/{PackedLayer.IndexName}", index);
        string directory = Cache.PackedDirectory(layer.DiffId);
        _own.Publish(work, directory);
        Log.Info("layer {Blob} packed: {Entries} entries, {Bytes} bytes", layer.Blob.Digest, index.Tree.Entries, index.ArchiveBytes);
        return new PackedLayer(layer.DiffId, directory, index, WasCached: false);
    }

    protected override void MakeRoom(CacheRoom room, IReadOnlyCollection<Descriptor> missing, CancellationToken ct) => room.Make(
        LayerEstimate.Bytes(missing),
        missing.Count * FilesPerLayer,
        string.Create(CultureInfo.InvariantCulture, $"the missing layers need about {Math.Max(1, LayerEstimate.Bytes(missing) / 1e6):0} MB packed"),
        ct);

    private static PackedLayer? Read(Digest diffId, string directory)
    {
        try
        {
            PackedIndex index = PackedIndexFile.Read($"{directory}/{PackedLayer.IndexName}");
            long there = new FileInfo($"{directory}/{PackedLayer.DataName}").Length;
            return index.DiffId == diffId && there == index.ArchiveBytes
                ? new PackedLayer(diffId, directory, index, WasCached: true)
                : throw new InvalidDataException(index.DiffId == diffId ? $"its archive has {there} bytes instead of {index.ArchiveBytes}" : $"its index is that of {index.DiffId}");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            Log.Warn("the packed layer {DiffId} in {Directory} is not used: {Reason}", diffId, directory, e.Message);
            return null;
        }
    }
}
