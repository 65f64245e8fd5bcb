using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>The layers in the node's own cache: how one is found, and how what lies in a directory of work becomes one. Whoever adds holds the layer's lock.</summary>
/// <param name="cache">The node's cache.</param>
/// <param name="leases">Hold what is used against a clean-up; null where nothing is used.</param>
internal sealed class OwnLayers(CacheDirectory cache, CacheLeases? leases)
{
    private static readonly RoomLog Log = new(nameof(OwnLayers));

    /// <summary>Null where it is not there, or is none that this version can use.</summary>
    internal StoredLayer? Find(Digest diffId)
    {
        try
        {
            return LayerStore.Has(cache, diffId) && leases?.TryHold(cache.LayerDirectory(diffId)) != false
                ? new StoredLayer(diffId, cache.LayerTree(diffId), LayerRecordFile.Read(cache.LayerRecord(diffId)), WasCached: true)
                : null;
        }
        catch (InvalidDataException e)
        {
            Log.Warn("layer {DiffId} in the cache is made anew: {Reason}", diffId, e.Message);
            return null;
        }
    }

    /// <summary>Gives finished work its record and its place.</summary>
    /// <param name="work">A directory that holds tree and index.</param>
    /// <param name="blob">What it was made of.</param>
    internal StoredLayer Add(string work, Digest diffId, LayerIndex index, Descriptor blob)
    {
        LayerRecordFile.Write(work + "/layer.json", index, blob);
        Publish(work, cache.LayerDirectory(diffId));
        return new StoredLayer(diffId, cache.LayerTree(diffId), index, WasCached: false);
    }

    /// <summary>Removes what was half made. That this may fail as well must not hide why it is done; what stays is removed by the next one, or by a clean-up.</summary>
    internal static void Discard(string work)
    {
        try
        {
            TreeRemover.Remove(work);
        }
        catch (IOException e)
        {
            Log.Warn("{Work} could not be removed: {Reason}", work, e.Message);
        }
    }

    /// <summary>Gives finished work its place. The lease is taken before the rename: no clean-up comes in between.</summary>
    internal void Publish(string work, string final)
    {
        if (DirectoryLease.TryShare(work) is { } lease)
        {
            if (leases is null)
            {
                lease.Dispose();
            }
            else
            {
                leases.Keep(final, lease);
            }
        }

        PutAside(final);
        Directory.Move(work, final);
    }

    /// <summary>What stands in the place of a layer and is none: damaged, or of another form. Somebody may use it, and a rename takes nothing from him; it is removed when he has gone.</summary>
    private void PutAside(string directory)
    {
        if (Directory.Exists(directory))
        {
            string gone = cache.Temporary($"gone-{Guid.NewGuid():N}");
            Directory.Move(directory, gone);
            using DirectoryLease? alone = DirectoryLease.TryOwn(gone);
            if (alone is not null)
            {
                TreeRemover.Remove(gone);
            }
        }
    }
}
