using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>The node's packed layers: each its archive and an index of it, to be served instead of unpacked.</summary>
internal sealed class PackedStore(CacheDirectory cache, TimeProvider clock, CacheLeases? leases = null) : KeptLayers<PackedLayer>(cache, clock)
{
    /// <summary>Directory, archive, index, lock.</summary>
    private const int FilesPerLayer = 4;
    private static readonly RoomLog Log = new(nameof(PackedStore));
    private readonly OwnLayers _own = new(cache, leases);

    private bool _ranFull;

    /// <summary>In which form what is fetched is kept.</summary>
    public KeptAs Form { get; init; }

    /// <summary>The node's zlib, which what is kept compressed needs.</summary>
    public Func<NodeZlib> Zlib { get; init; } = static () => LibZ.OfNode;

    /// <summary>Roots that are only read.</summary>
    public ImmutableArray<string> SharedRoots { get; init; } = [];

    protected override string WorkPrefix => "layer-packed-";

    protected override string TurnPrefix => "image-packed-";

    /// <summary>Those of the layers that are in the cache already, or in a root that is only read. Reads only, and cheap: whether they are sound is seen when they are used.</summary>
    internal static ImmutableHashSet<Digest> FindCached(CacheDirectory cache, IEnumerable<Digest> diffIds, ImmutableArray<string> sharedRoots = default, Func<NodeZlib>? zlib = null)
    {
        Func<NodeZlib> library = zlib ?? (static () => LibZ.OfNode);
        ImmutableArray<CacheDirectory> roots = [cache, .. sharedRoots.IsDefaultOrEmpty ? [] : sharedRoots.Where(PackedRoots.IsTrusted).Select(root => new CacheDirectory(root))];
        return [.. diffIds.Where(diffId => roots.Any(root => IsThere(root.PackedDirectory(diffId), library)))];
    }

    protected override PackedLayer? Find(Digest diffId)
    {
        string directory = Cache.PackedDirectory(diffId);
        if (IsThere(directory, Zlib) && leases?.TryHold(directory) != false && Read(diffId, directory) is { } own)
        {
            return own;
        }

        foreach (string root in SharedRoots)
        {
            string shared = new CacheDirectory(root).PackedDirectory(diffId);
            if (IsThere(shared, Zlib) && PackedRoots.IsTrusted(root))
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
        bool compress = IsCompressing;
        using var files = new PackWork(work, compress ? Zlib().Library ?? throw NoZlib(layer.Blob.Digest) : null);
        PackedIndex index;
        await using (Stream stream = await source.OpenAsync(layer.Blob, ct))
        {
            index = await LayerPacker.PackAsync(stream, layer, files, ct);
        }

        CheckpointTable? table = files.Finish(index, layer.Blob);
        string directory = Cache.PackedDirectory(layer.DiffId);
        _own.Publish(work, directory);
        string form = table is not null ? "compressed" : compress ? "inflated, since it is not gzip" : "inflated";
        Log.Info("layer {Blob} packed, {Form}: {Entries} entries, {Bytes} bytes", layer.Blob.Digest, form, index.Tree.Entries, index.ArchiveBytes);
        return new PackedLayer(layer.DiffId, directory, index, WasCached: false) { Checkpoints = table };
    }

    protected override bool TakeLess()
    {
        bool less = Form == KeptAs.InflatedWhileItFits && !_ranFull && Zlib().Library is not null;
        if (less)
        {
            _ranFull = true;
            Log.Warn("the layers that are still missing are kept compressed");
        }

        return less;
    }

    protected override void MakeRoom(CacheRoom room, IReadOnlyCollection<Descriptor> missing, CancellationToken ct) => room.Make(
        BytesOf(missing),
        missing.Count * FilesPerLayer,
        string.Create(CultureInfo.InvariantCulture, $"the missing layers need about {Math.Max(1, BytesOf(missing) / 1e6):0} MB packed"),
        ct);

    private bool IsCompressing => Form == KeptAs.Compressed || _ranFull;

    private double BytesOf(IReadOnlyCollection<Descriptor> missing) => IsCompressing ? LayerEstimate.CompressedBytes(missing) : LayerEstimate.Bytes(missing);

    /// <summary>One of the two forms; the compressed one only where it can be read.</summary>
    private static bool IsThere(string directory, Func<NodeZlib> zlib) =>
        File.Exists($"{directory}/{PackedLayer.IndexName}") || (File.Exists($"{directory}/{PackedLayer.EntryName}") && zlib().Library is not null);

    private GridWrapperException NoZlib(Digest blob) => new(Failure.OfNode(
        LayerFault.UnpackStep,
        PilotError.ContainerGeneralFailure,
        $"layer {blob} is to be kept compressed (serving.keep) and {Zlib().Problem}; install the package zlib (zlib1g), or set serving.keep to inflated"));

    private static PackedLayer? Read(Digest diffId, string directory)
    {
        try
        {
            PackedLayer layer = PackedFiles.Read(directory);
            return layer.DiffId == diffId ? layer : throw new InvalidDataException($"its index is that of {layer.DiffId}");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            Log.Warn("the packed layer {DiffId} in {Directory} is not used: {Reason}", diffId, directory, e.Message);
            return null;
        }
    }
}
