using GridWrapper.Linux;
using NLog;

namespace GridWrapper.Layers;

/// <summary>What lies in a cache, and how it is made smaller. Nothing that somebody uses is removed, and what is removed disappears by one rename.</summary>
internal sealed class CacheInventory(CacheDirectory cache)
{
    private static readonly Logger Log = LogManager.GetCurrentClassLogger();

    /// <summary>Everything, in the order of last use, longest ago first.</summary>
    internal ImmutableArray<CacheItem> List() =>
    [
        .. Items("layers/sha256", CacheItemKind.Layer).Concat(Items("flat", CacheItemKind.Flat)).Concat(Items("stacks", CacheItemKind.Stack)).Concat(Items("tmp", CacheItemKind.Unfinished))
            .OrderBy(item => item.LastUsed),
    ];

    /// <summary>Removes leftovers of killed processes and then, until so many bytes remain, what was used longest ago: flattened images and stacks first, they cost little to make again.</summary>
    /// <returns>What was removed.</returns>
    internal ImmutableArray<CacheItem> Sweep(long maxBytes, CancellationToken ct)
    {
        ImmutableArray<CacheItem> all = List();
        var removed = new List<CacheItem>(all.Where(item => item.Kind == CacheItemKind.Unfinished && TryRemoveUnfinished(item)));
        long left = all.Where(item => item.Kind == CacheItemKind.Layer).Sum(item => item.DiskBytes);
        foreach (CacheItem item in all.Where(item => item.Kind != CacheItemKind.Unfinished).OrderBy(item => item.Kind == CacheItemKind.Layer).ThenBy(item => item.LastUsed))
        {
            ct.ThrowIfCancellationRequested();
            if (left <= maxBytes)
            {
                break;
            }

            if (TryRemove(item))
            {
                removed.Add(item);
                left -= item.DiskBytes;
            }
        }

        return [.. removed];
    }

    /// <summary>Removes one thing; false if somebody uses it.</summary>
    internal bool TryRemove(CacheItem item)
    {
        using DirectoryLease? own = DirectoryLease.TryOwn(item.Path);
        if (own is null)
        {
            return false;
        }

        string gone = cache.Temporary($"gone-{Guid.NewGuid():N}");
        Directory.Move(item.Path, gone);
        TreeRemover.Remove(gone);
        Log.Info("{Kind} {Name} was removed from the cache", item.Kind, item.Name);
        return true;
    }

    /// <summary>Work in progress has a lock of its name; where that is free, its process is gone.</summary>
    private bool TryRemoveUnfinished(CacheItem item)
    {
        bool locked = item.Name.StartsWith("layer-", StringComparison.Ordinal) || item.Name.StartsWith("flat-", StringComparison.Ordinal);
        using FileLock? own = locked ? FileLock.TryAcquire(cache.Lock(item.Name)) : null;
        using DirectoryLease? alone = locked ? null : DirectoryLease.TryOwn(item.Path);
        if (own is null && alone is null)
        {
            return false;
        }

        TreeRemover.Remove(item.Path);
        return true;
    }

    private IEnumerable<CacheItem> Items(string folder, CacheItemKind kind)
    {
        string path = $"{cache.Path}/{folder}";
        return Directory.Exists(path) ? Directory.EnumerateDirectories(path).Select(directory => Describe(directory, kind)) : [];
    }

    private static CacheItem Describe(string directory, CacheItemKind kind)
    {
        bool used = false;
        using (DirectoryLease? own = DirectoryLease.TryOwn(directory))
        {
            used = own is null;
        }

        LayerIndex? index = kind == CacheItemKind.Layer ? TryRead(directory + "/layer.json") : null;
        return new CacheItem(kind, Path.GetFileName(directory), directory)
        {
            DiskBytes = index is null ? 0 : index.DiskBytes > 0 ? index.DiskBytes : index.DataBytes,
            Entries = index?.Entries ?? 0,
            LastUsed = new DateTimeOffset(Directory.GetLastWriteTimeUtc(directory), TimeSpan.Zero),
            InUse = used,
        };
    }

    private static LayerIndex? TryRead(string record)
    {
        try
        {
            return LayerRecordFile.Read(record);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            Log.Warn("{Record} cannot be read: {Reason}", record, e.Message);
            return null;
        }
    }
}
