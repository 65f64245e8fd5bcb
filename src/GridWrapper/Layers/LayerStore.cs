using System.Collections.Concurrent;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// The node's unpacked layers, by diffID. Guarantees: a layer that is there is complete and verified; it appears by one rename; of several
/// processes that want the same missing layer one fetches it and the others wait and use it; a process killed at any moment leaves only
/// work in progress that the next one removes. (Not promised: that a layer survives a power cut unharmed.)
/// </summary>
internal sealed class LayerStore(CacheDirectory cache, TimeProvider clock, CacheLeases? leases = null)
{
    /// <summary>How long the others wait for the one that fetches. Its own stall limits end it much earlier when nothing comes.</summary>
    private static readonly TimeSpan LockPatience = TimeSpan.FromMinutes(60);

    private const int TransferTries = 3;

    /// <summary>One core, too, receives one layer while it unpacks another.</summary>
    private const int LeastWorkers = 2;

    /// <summary>Each takes some 8 MB of memory and one connection.</summary>
    private const int MostWorkers = 8;
    private static readonly RoomLog Log = new(nameof(LayerStore));

    /// <summary>Without a memory for failures: on a full disk it is asked again when room was made.</summary>
    private readonly Lazy<bool> _overlayMarkers = new(() => ProbeMarkers(cache), LazyThreadSafetyMode.PublicationOnly);

    private readonly OwnLayers _own = new(cache, leases);

    internal CacheDirectory Cache => cache;

    /// <summary>Cheap: whether a complete layer is there.</summary>
    internal static bool Has(CacheDirectory cache, Digest diffId) => File.Exists(cache.LayerRecord(diffId));

    /// <summary>Those of the layers that are in the cache already. Reads only.</summary>
    internal static ImmutableHashSet<Digest> FindCached(CacheDirectory cache, IEnumerable<Digest> diffIds) => [.. diffIds.Where(diffId => Has(cache, diffId))];

    /// <summary>The layer from the cache, or fetched, verified and unpacked into it.</summary>
    internal async Task<StoredLayer> EnsureAsync(Descriptor blob, Digest diffId, IBlobSource source, CancellationToken ct)
    {
        if (Find(diffId) is { } cached)
        {
            return cached;
        }

        try
        {
            using FileLock held = await FileLock.AcquireAsync(cache.Lock("layer-" + diffId.Hex), LockPatience, clock, ct);
            return Find(diffId) ?? await ImportAsync(blob, diffId, source, ct);
        }
        catch (TimeoutException e)
        {
            throw LayerFault.Busy($"layer {diffId}", e);
        }
        catch (InvalidDataException e)
        {
            throw LayerFault.BadLayer(blob.Digest, e.Source == "System.IO.Compression" ? "its gzip data is damaged" : e.Message.TrimEnd('.'), e);
        }
        catch (DllNotFoundException e)
        {
            throw LayerFault.NoZstd(blob.Digest, e);
        }
        catch (IOException e)
        {
            throw LayerFault.Storage($"unpacking layer {blob.Digest}", cache.Path, e);
        }
    }

    /// <summary>All these layers, several at a time and the largest first, so that no core waits for one that was begun last. The first that fails stops the others.</summary>
    internal async Task<IReadOnlyDictionary<Digest, StoredLayer>> EnsureAllAsync(IEnumerable<ImageLayer> layers, IBlobSource source, CancellationToken ct)
    {
        ImageLayer[] wanted = [.. ImageLayer.Distinct(layers)];
        Array.Sort(wanted, static (left, right) => right.Blob.SizeBytes.CompareTo(left.Blob.SizeBytes));
        var made = new ConcurrentDictionary<Digest, StoredLayer>();
        if (Hold(wanted, made) is { Length: > 0 })
        {
            using FileLock? turn = await TakeTurnAsync(wanted, ct);
            ImageLayer[] missing = Hold(wanted, made);
            await BringAsync(missing, made, source, ct);
        }

        return made;
    }

    /// <summary>Leases first: what this image has is not what a clean-up may take for it.</summary>
    /// <returns>The layers that are not there.</returns>
    private ImageLayer[] Hold(ImageLayer[] wanted, ConcurrentDictionary<Digest, StoredLayer> made)
    {
        foreach (ImageLayer layer in wanted)
        {
            if (!made.ContainsKey(layer.DiffId) && Find(layer.DiffId) is { } cached)
            {
                made[layer.DiffId] = cached;
            }
        }

        return [.. wanted.Where(layer => !made.ContainsKey(layer.DiffId))];
    }

    /// <summary>
    /// Of several processes that want the same image one brings it, on all cores, and the others sleep: sixteen that divide the layers among them
    /// take twice the processor time, since each warms up its own code and all of them compete. A matter of speed alone, the layers have locks of their own.
    /// </summary>
    private async Task<FileLock?> TakeTurnAsync(ImageLayer[] wanted, CancellationToken ct)
    {
        Digest image = Digest.Of(Encoding.ASCII.GetBytes(string.Join('\n', wanted.Select(layer => layer.DiffId.ToString()).Order(StringComparer.Ordinal))));
        try
        {
            return await FileLock.AcquireAsync(cache.Lock("image-" + image.Hex), LockPatience, clock, ct);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            Log.Warn("{Reason}; this process brings the layers itself", e.Message);
            return null;
        }
    }

    /// <summary>Where the disk runs full all the same, what nobody uses is removed and the rest is tried once more.</summary>
    private async Task BringAsync(ImageLayer[] wanted, ConcurrentDictionary<Digest, StoredLayer> made, IBlobSource source, CancellationToken ct)
    {
        var room = new CacheRoom(cache, MaxBytes, clock);
        ImageLayer[] missing = wanted;
        room.Make([.. missing.Select(layer => layer.Blob)], ct);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, LeastWorkers, MostWorkers), CancellationToken = ct };
        for (bool last = false; missing.Length > 0; last = true)
        {
            try
            {
                await Parallel.ForEachAsync(missing, options, async (layer, token) => made[layer.DiffId] = await EnsureAsync(layer.Blob, layer.DiffId, source, token));
                return;
            }
            catch (GridWrapperException e) when (e.Failure.PilotErrorCode == PilotError.NoLocalSpace)
            {
                Log.Warn("{Reason}", e.Message);
                missing = [.. wanted.Where(layer => !made.ContainsKey(layer.DiffId))];
                room.MakeAgain(e, [.. missing.Select(layer => layer.Blob)], last, ct);
            }
        }
    }

    /// <summary>Bytes the layers may take on disk before those used longest ago are removed; null for no limit.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>Layers that shared roots hold; null for none.</summary>
    public IReadOnlyDictionary<Digest, SharedLayer>? Shared { get; init; }

    private StoredLayer? Find(Digest diffId) => _own.Find(diffId) ?? (Shared is not null && Shared.TryGetValue(diffId, out SharedLayer? layer) ? FindShared(diffId, layer) : null);

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

    /// <summary>Called with the layer's lock held.</summary>
    private async Task<StoredLayer> ImportAsync(Descriptor blob, Digest diffId, IBlobSource source, CancellationToken ct)
    {
        bool markers = _overlayMarkers.Value;
        string work = cache.Temporary("layer-" + diffId.Hex);
        for (int attempt = 1; ; attempt++)
        {
            TreeRemover.Remove(work);
            Directory.CreateDirectory(work);
            Directory.CreateDirectory(work + "/tree");
            try
            {
                LayerIndex index = await UnpackAsync(new Wanted(blob, diffId, work, markers), source, ct);
                StoredLayer made = _own.Add(work, diffId, index, blob);
                Log.Info("layer {Blob} unpacked: {Entries} entries, {Bytes} bytes of data", blob.Digest, index.Entries, index.DataBytes);
                return made;
            }
            catch (TransferBrokenException e) when (attempt < TransferTries)
            {
                Log.Warn("layer {Blob}: {Reason}; fetched again", blob.Digest, e.Message);
                await Task.Delay(TimeSpan.FromSeconds(attempt), clock, ct);
            }
            catch (TransferBrokenException e)
            {
                OwnLayers.Discard(work);
                throw LayerFault.Broken(blob.Digest, attempt, e);
            }
            catch
            {
                OwnLayers.Discard(work);
                throw;
            }
        }
    }

    private static async Task<LayerIndex> UnpackAsync(Wanted wanted, IBlobSource source, CancellationToken ct)
    {
        await using Stream stream = await source.OpenAsync(wanted.Blob, ct);
        using SafeFileHandle root = At.OpenDirectory(wanted.Work + "/tree");
        var target = new UnpackTarget(root, wanted.Blob, wanted.DiffId, wanted.OverlayMarkers) { IndexPath = wanted.Work + "/" + CacheDirectory.IndexName };
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

    private sealed record Wanted(Descriptor Blob, Digest DiffId, string Work, bool OverlayMarkers);
}
