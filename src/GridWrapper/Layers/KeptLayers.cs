using System.Collections.Concurrent;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>
/// Layers that the node keeps, by diffID, in one form or another. Guarantees: a layer that is there is complete and verified; it appears by one rename; of several
/// processes that want the same missing layer one fetches it and the others wait and use it; a process killed at any moment leaves only
/// work in progress that the next one removes. (Not promised: that a layer survives a power cut unharmed.)
/// </summary>
/// <typeparam name="TLayer">A layer that is there.</typeparam>
internal abstract class KeptLayers<TLayer>(CacheDirectory cache, TimeProvider clock)
    where TLayer : class
{
    private const int TransferTries = 3;

    /// <summary>One core, too, receives one layer while it unpacks another.</summary>
    private const int LeastWorkers = 2;

    /// <summary>Each takes some 8 MB of memory and one connection.</summary>
    private const int MostWorkers = 8;
    private static readonly RoomLog Log = new("LayerStore");

    internal CacheDirectory Cache => cache;

    /// <summary>Bytes the layers may take on disk before those used longest ago are removed; null for no limit.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>How long the others wait for the one that fetches. Its own stall limits end it much earlier when nothing comes.</summary>
    private static TimeSpan LockPatience => TimeSpan.FromMinutes(60);

    /// <summary>Of a layer's lock and of the directory in which it is made, before the digest. A clean-up, of other versions too, knows that work in progress has a lock by the begin "layer-".</summary>
    protected abstract string WorkPrefix { get; }

    /// <summary>Of the lock that one process holds for a whole image, before the digest.</summary>
    protected abstract string TurnPrefix { get; }

    /// <summary>The layer from the cache, or fetched, verified and put into it.</summary>
    internal async Task<TLayer> EnsureAsync(Descriptor blob, Digest diffId, IBlobSource source, CancellationToken ct)
    {
        if (Find(diffId) is { } cached)
        {
            return cached;
        }

        try
        {
            using FileLock held = await FileLock.AcquireAsync(cache.Lock(WorkPrefix + diffId.Hex), LockPatience, clock, ct);
            return Find(diffId) ?? await ImportAsync(new ImageLayer(blob, diffId), source, ct);
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
    internal async Task<IReadOnlyDictionary<Digest, TLayer>> EnsureAllAsync(IEnumerable<ImageLayer> layers, IBlobSource source, CancellationToken ct)
    {
        ImageLayer[] wanted = [.. ImageLayer.Distinct(layers)];
        Array.Sort(wanted, static (left, right) => right.Blob.SizeBytes.CompareTo(left.Blob.SizeBytes));
        var made = new ConcurrentDictionary<Digest, TLayer>();
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
    private ImageLayer[] Hold(ImageLayer[] wanted, ConcurrentDictionary<Digest, TLayer> made)
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
            return await FileLock.AcquireAsync(cache.Lock(TurnPrefix + image.Hex), LockPatience, clock, ct);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            Log.Warn("{Reason}; this process brings the layers itself", e.Message);
            return null;
        }
    }

    /// <summary>Where the disk runs full all the same, what nobody uses is removed and the rest is tried once more.</summary>
    private async Task BringAsync(ImageLayer[] wanted, ConcurrentDictionary<Digest, TLayer> made, IBlobSource source, CancellationToken ct)
    {
        var room = new CacheRoom(cache, MaxBytes, clock);
        ImageLayer[] missing = wanted;
        MakeRoom(room, [.. missing.Select(layer => layer.Blob)], ct);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, LeastWorkers, MostWorkers), CancellationToken = ct };
        for (bool last = false; missing.Length > 0;)
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
                if (TakeLess())
                {
                    last = false;
                    MakeRoom(room, [.. missing.Select(layer => layer.Blob)], ct);
                    continue;
                }

                room.MakeAgain(e, [.. missing.Select(layer => layer.Blob)], last, ct);
                last = true;
            }
        }
    }

    /// <summary>A complete layer of the cache, held against a clean-up; null where there is none that can be used.</summary>
    protected abstract TLayer? Find(Digest diffId);

    /// <summary>Makes a layer in an empty directory and gives it its place.</summary>
    protected abstract Task<TLayer> MakeAsync(ImageLayer layer, string work, IBlobSource source, CancellationToken ct);

    /// <summary>Removes what nobody uses where the missing layers would not fit.</summary>
    protected abstract void MakeRoom(CacheRoom room, IReadOnlyCollection<Descriptor> missing, CancellationToken ct);

    /// <summary>The disk ran full: whether the layers that are still missing are made smaller from now on. Once.</summary>
    protected virtual bool TakeLess() => false;

    /// <summary>Called with the layer's lock held.</summary>
    private async Task<TLayer> ImportAsync(ImageLayer layer, IBlobSource source, CancellationToken ct)
    {
        string work = cache.Temporary(WorkPrefix + layer.DiffId.Hex);
        for (int attempt = 1; ; attempt++)
        {
            TreeRemover.Remove(work);
            Directory.CreateDirectory(work);
            try
            {
                return await MakeAsync(layer, work, source, ct);
            }
            catch (TransferBrokenException e) when (attempt < TransferTries)
            {
                Log.Warn("layer {Blob}: {Reason}; fetched again", layer.Blob.Digest, e.Message);
                await Task.Delay(TimeSpan.FromSeconds(attempt), clock, ct);
            }
            catch (TransferBrokenException e)
            {
                OwnLayers.Discard(work);
                throw LayerFault.Broken(layer.Blob.Digest, attempt, e);
            }
            catch
            {
                OwnLayers.Discard(work);
                throw;
            }
        }
    }
}
