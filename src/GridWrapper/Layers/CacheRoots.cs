using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// The profile's cacheRoots: the first in which this user may keep a cache is the one that is written; the others are read where they have layers.
/// What a site shares is used in place on the site's promise: nothing in it is changed or removed while jobs may run on it.
/// </summary>
internal static class CacheRoots
{
    private const uint WritableByOthers = 0x12;
    private const int WriteAndEnter = 3;
    private static readonly RoomLog Log = new(nameof(CacheRoots));

    /// <summary>The root that is written; null where none can be.</summary>
    internal static string? FirstWritable(IEnumerable<string> roots) => roots.FirstOrDefault(IsWritable);

    /// <summary>Which of an image's layers the shared roots hold, each in the first that has it. A layer of which the image's own command cannot be read there is left out.</summary>
    internal static IReadOnlyDictionary<Digest, SharedLayer>? Find(ImmutableArray<string> roots, ImageConfig config)
    {
        Dictionary<Digest, SharedLayer>? found = null;
        foreach (string root in roots.Where(IsTrusted))
        {
            var cache = new CacheDirectory(root);
            foreach (Digest diffId in config.DiffIds.Where(diffId => found?.ContainsKey(diffId) != true && LayerStore.Has(cache, diffId)))
            {
                if (Look(cache, diffId, config) is { } layer)
                {
                    (found ??= [])[diffId] = layer;
                }
            }
        }

        return found;
    }

    /// <summary>A directory into which others than its owner can write holds whatever they put there.</summary>
    internal static bool IsTrusted(string root)
    {
        try
        {
            string store = new CacheDirectory(root).Store;
            foreach (string path in (string[])[root, store, store + "/layers", store + "/layers/sha256"])
            {
                using SafeFileHandle directory = At.OpenDirectory(path);
                if (At.Stat(directory, [], out FileStat stat) != 0 || (stat.Permissions & WritableByOthers) != 0)
                {
                    Log.Warn("the cache root {Root} is not used: {Path} is writable by others than its owner", root, path);
                    return false;
                }
            }

            return true;
        }
        catch (LinuxException e)
        {
            Log.Debug("the cache root {Root} has nothing to use: {Reason}", root, e.Message);
            return false;
        }
    }

    /// <summary>Overlay reads its marks from the tree itself. A network file system may not show them, and then the layer cannot be stacked.</summary>
    internal static bool ShowsMarks(string tree, LayerIndex index)
    {
        using SafeFileHandle root = At.OpenDirectory(tree);
        using var walker = new TreeWalker(root);
        return index.Opaques.Where(path => !path.IsRoot).Take(1).All(path => walker.Open(path, create: false) is { } directory && At.HasXattr(directory, "user.overlay.opaque"u8))
            && index.Whiteouts.Take(1).All(path => walker.Open(path.Parent, create: false) is { } parent && At.Stat(parent, path.Name, out _) == 0);
    }

    /// <summary>Nothing is made here: a plan looks only.</summary>
    private static bool IsWritable(string root)
    {
        string there = root;
        while (!Directory.Exists(there) && Path.GetDirectoryName(there) is { Length: > 0 } parent)
        {
            if (File.Exists(there))
            {
                return false;
            }

            there = parent;
        }

        try
        {
            using SafeFileHandle directory = At.OpenDirectory(there);
            bool own = there != root || (At.Stat(directory, [], out FileStat stat) == 0 && stat.Uid == Libc.GetUid() && (stat.Permissions & WritableByOthers) == 0);
            return own && Libc.ProbeAccess(Libc.AT_FDCWD, there, WriteAndEnter, 0) == 0 && LockTrust.Unreliable(FileSystemState.Of(there).Type) is null;
        }
        catch (LinuxException e)
        {
            Log.Debug("the cache root {Root} cannot be written: {Reason}", root, e.Message);
            return false;
        }
    }

    private static SharedLayer? Look(CacheDirectory cache, Digest diffId, ImageConfig config)
    {
        try
        {
            LayerRecordFile.Read(cache.LayerRecord(diffId));
            ImmutableArray<string> unreadable = Unreadable(cache, diffId);
            string[] needed = [.. config.Entrypoint.Take(1).Concat(config.Cmd.Take(1)).Append(config.WorkingDir).Where(p => p.StartsWith('/')).Select(p => p.TrimStart('/'))];
            if (unreadable.FirstOrDefault(u => needed.Any(n => n == u || n.StartsWith(u + "/", StringComparison.Ordinal))) is { } barred)
            {
                Log.Info("layer {DiffId} in {Root} is not used: /{Path} cannot be read there, and the image's command needs it", diffId, cache.Path, barred);
                return null;
            }

            return new SharedLayer(cache.Path, unreadable.Length);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            Log.Info("layer {DiffId} in {Root} is not used: {Reason}", diffId, cache.Path, e.Message);
            return null;
        }
    }

    /// <summary>Paths that are closed to others, where the layer belongs to somebody else.</summary>
    private static ImmutableArray<string> Unreadable(CacheDirectory cache, Digest diffId)
    {
        using SafeFileHandle tree = At.OpenDirectory(cache.LayerTree(diffId));
        return At.Stat(tree, [], out FileStat stat) == 0 && stat.Uid == Libc.GetUid() ? [] : ClosedEntries.Of(cache.LayerIndexFile(diffId));
    }
}
