using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>The node's unpacked layers.</summary>
internal sealed class LayerStore(CacheDirectory cache, TimeProvider clock, CacheLeases? leases = null) : KeptLayers<StoredLayer>(cache, clock)
{
    private static readonly RoomLog Log = new(nameof(LayerStore));

    /// <summary>Without a memory for failures: on a full disk it is asked again when room was made.</summary>
    private readonly Lazy<bool> _overlayMarkers = new(() => ProbeMarkers(cache), LazyThreadSafetyMode.PublicationOnly);

    private readonly OwnLayers _own = new(cache, leases);

    /// <summary>Layers that shared roots hold; null for none.</summary>
    public IReadOnlyDictionary<Digest, SharedLayer>? Shared { get; init; }

    protected override string WorkPrefix => "layer-";

    protected override string TurnPrefix => "image-";

    /// <summary>Cheap: whether a complete layer is there.</summary>
    internal static bool Has(CacheDirectory cache, Digest diffId) => File.Exists(cache.LayerRecord(diffId));

    /// <summary>Those of the layers that are in the cache already. Reads only.</summary>
    internal static ImmutableHashSet<Digest> FindCached(CacheDirectory cache, IEnumerable<Digest> diffIds) => [.. diffIds.Where(diffId => Has(cache, diffId))];

    protected override StoredLayer? Find(Digest diffId) => _own.Find(diffId) ?? (Shared is not null && Shared.TryGetValue(diffId, out SharedLayer? layer) ? FindShared(diffId, layer) : null);

    protected override async Task<StoredLayer> MakeAsync(ImageLayer layer, string work, IBlobSource source, CancellationToken ct)
    {
        bool markers = _overlayMarkers.Value;
        Directory.CreateDirectory(work + "/tree");
        LayerIndex index = await UnpackAsync(layer, work, (source, markers), ct);
        StoredLayer made = _own.Add(work, layer.DiffId, index, layer.Blob);
        Log.Info("layer {Blob} unpacked: {Entries} entries, {Bytes} bytes of data", layer.Blob.Digest, index.Entries, index.DataBytes);
        return made;
    }

    protected override void MakeRoom(CacheRoom room, IReadOnlyCollection<Descriptor> missing, CancellationToken ct) => room.Make(missing, ct);

    /// <summary>Used where it lies. The lease holds against the owner's own clean-up, if that runs under this kernel; else the site's promise must do.</summary>
    private StoredLayer? FindShared(Digest diffId, SharedLayer layer)
    {
        var root = new CacheDirectory(layer.Root);
        try
        {
            leases?.ShareIfPossible(root.LayerDirectory(diffId));
            LayerIndex index = LayerRecordFile.Read(root.LayerRecord(diffId));
            bool ready = index.OverlayReady && CacheRoots.ShowsMarks(root.LayerTree(diffId), index);
            return new StoredLayer(diffId, root.LayerTree(diffId), index with { OverlayReady = ready }, WasCached: true) { SharedRoot = layer.Root };
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            Log.Warn("layer {DiffId} in the shared root {Root} is not used: {Reason}", diffId, layer.Root, e.Message);
            return null;
        }
    }

    private static async Task<LayerIndex> UnpackAsync(ImageLayer layer, string work, (IBlobSource Source, bool OverlayMarkers) how, CancellationToken ct)
    {
        await using Stream stream = await how.Source.OpenAsync(layer.Blob, ct);
        using SafeFileHandle root = At.OpenDirectory(work + "/tree");
        var target = new UnpackTarget(root, layer.Blob, layer.DiffId, how.OverlayMarkers) { IndexPath = work + "/" + CacheDirectory.IndexName };
        return await LayerPipeline.UnpackAsync(stream, target, ct);
    }

    /// <summary>Whether this file system takes what overlay needs for whiteouts, found by making them.</summary>
    private static bool ProbeMarkers(CacheDirectory cache)
    {
        using WorkDirectory work = WorkDirectory.Make(cache, "probe");
        using SafeFileHandle directory = At.OpenDirectory(work.Path);
        int errno = At.MakeNode(directory, "whiteout"u8, Libc.S_IFCHR);
        errno = errno != 0 ? errno : At.SetXattr(directory, "user.overlay.opaque"u8, "y"u8);

        // A full disk says nothing of what the file system can do.
        return errno is Errno.ENOSPC or Errno.EDQUOT ? throw new LinuxException("mknodat", work.Path, errno) : errno == 0;
    }
}
