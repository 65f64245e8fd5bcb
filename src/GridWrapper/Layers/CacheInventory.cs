using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>What lies in a cache, and how it is made smaller. Nothing that somebody uses is removed, and what is removed disappears by one rename.</summary>
internal sealed class CacheInventory(CacheDirectory cache, TimeProvider clock)
{
    private static readonly string[] LockedNames = ["layer-", "flat-", "config-"];
    private static readonly TimeSpan FilePatience = TimeSpan.FromMinutes(1);
    private static readonly RoomLog Log = new(nameof(CacheInventory));

    /// <summary>Everything, in the order of last use, longest ago first.</summary>
    internal ImmutableArray<CacheItem> List() =>
    [
        .. Items("layers/sha256", CacheItemKind.Layer).Concat(Items("packed/sha256", CacheItemKind.Packed)).Concat(Items("lazy", CacheItemKind.Lazy)).Concat(Items("flat", CacheItemKind.Flat)).Concat(Items("stacks", CacheItemKind.Stack))
            .Concat(Items("cvmfs", CacheItemKind.Shim)).Concat(Items("tmp", CacheItemKind.Unfinished))
            .OrderBy(item => item.LastUsed),
    ];

    /// <summary>The layers of a shared root. Whether somebody uses them cannot be told.</summary>
    internal static ImmutableArray<CacheItem> ListShared(string root) => CacheRoots.IsTrusted(root)
        ? [.. SharedItems(root, "/layers/sha256", CacheItemKind.Layer).Concat(SharedItems(root, "/packed/sha256", CacheItemKind.Packed)).OrderBy(item => item.LastUsed)]
        : [];

    private static IEnumerable<CacheItem> SharedItems(string root, string folder, CacheItemKind kind) => Directory.Exists(new CacheDirectory(root).Store + folder)
        ? Directory.EnumerateDirectories(new CacheDirectory(root).Store + folder).Select(directory => Measured(directory, kind) with { SharedRoot = root })
        : [];

    /// <summary>Removes leftovers of killed processes and then, until so many bytes remain, what was used longest ago: flattened images and stacks first, they cost little to make again.</summary>
    /// <returns>What was removed.</returns>
    internal ImmutableArray<CacheItem> Sweep(long maxBytes, CancellationToken ct)
    {
        ImmutableArray<CacheItem> all = List();
        List<CacheItem> removed = Leftovers(all);
        long left = all.Sum(item => item.DiskBytes);
        foreach (CacheItem item in InOrder(all))
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

    /// <summary>Removes leftovers, and then what was used longest ago until so much is free. The file system is asked after each step: what a thing takes is known roughly only.</summary>
    /// <returns>What is free now, and how many things were removed.</returns>
    internal (FileSystemState State, int Removed) Free(long bytes, long inodes, CancellationToken ct)
    {
        FileSystemState state = FileSystemState.Of(cache.Path);
        if (state.FreeBytes >= bytes && state.FreeInodes >= inodes)
        {
            return (state, 0);
        }

        ImmutableArray<CacheItem> all = List();
        int removed = Leftovers(all).Count;
        foreach (CacheItem item in InOrder(all))
        {
            ct.ThrowIfCancellationRequested();
            state = FileSystemState.Of(cache.Path);
            if (state.FreeBytes >= bytes && state.FreeInodes >= inodes)
            {
                break;
            }

            removed += TryRemove(item) ? 1 : 0;
        }

        return (FileSystemState.Of(cache.Path), removed);
    }

    /// <summary>What would become free if everything that nobody uses were removed.</summary>
    internal (long Bytes, long Entries) Removable()
    {
        ImmutableArray<CacheItem> unused = [.. List().Where(item => !item.InUse)];
        return (unused.Sum(item => item.DiskBytes), unused.Sum(item => item.Entries));
    }

    private List<CacheItem> Leftovers(ImmutableArray<CacheItem> all) => [.. all.Where(item => item.Kind == CacheItemKind.Unfinished && TryRemoveUnfinished(item))];

    /// <summary>Flattened images and stacks first: they cost little to make again, and the files of a flattened image keep those of removed layers on the disk.</summary>
    private static IEnumerable<CacheItem> InOrder(ImmutableArray<CacheItem> all) => all
        .Where(item => item.Kind != CacheItemKind.Unfinished)
        .OrderBy(item => item.Kind is CacheItemKind.Layer or CacheItemKind.Packed or CacheItemKind.Shim)
        .ThenBy(item => item.LastUsed);

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

    /// <summary>Work in progress has a lock of its name, or is leased; where that is free, its process is gone. A file without a lock is written in a moment and then renamed.</summary>
    private bool TryRemoveUnfinished(CacheItem item)
    {
        bool locked = LockedNames.Any(prefix => item.Name.StartsWith(prefix, StringComparison.Ordinal));
        using FileLock? own = locked ? FileLock.TryAcquire(cache.Lock(item.Name)) : null;
        using DirectoryLease? alone = locked ? null : DirectoryLease.TryOwn(item.Path);
        bool left = !locked && File.Exists(item.Path) && clock.GetUtcNow() - item.LastUsed > FilePatience;
        if (own is null && alone is null && !left)
        {
            return false;
        }

        TreeRemover.Remove(item.Path);
        return true;
    }

    private IEnumerable<CacheItem> Items(string folder, CacheItemKind kind)
    {
        string path = $"{cache.Store}/{folder}";
        return !Directory.Exists(path) ? []
            : kind == CacheItemKind.Unfinished ? Directory.EnumerateFileSystemEntries(path).Select(entry => Measured(entry, kind))
            : Directory.EnumerateDirectories(path).Select(directory => Describe(directory, kind));
    }

    private static CacheItem Describe(string directory, CacheItemKind kind)
    {
        bool used = false;
        using (DirectoryLease? own = DirectoryLease.TryOwn(directory))
        {
            used = own is null;
        }

        return Measured(directory, kind) with { InUse = used };
    }

    private static CacheItem Measured(string directory, CacheItemKind kind)
    {
        (long bytes, long entries) = kind switch
        {
            CacheItemKind.Layer => TryRead(directory + "/layer.json") is { } index ? (index.DiskBytes > 0 ? index.DiskBytes : index.DataBytes, index.Entries) : (0, 0),
            CacheItemKind.Shim or CacheItemKind.Stack or CacheItemKind.Packed or CacheItemKind.Lazy => TreeSize.Of(directory),
            _ => (0, 0),
        };
        return new CacheItem(kind, Path.GetFileName(directory), directory)
        {
            DiskBytes = bytes,
            Entries = entries,
            LastUsed = new DateTimeOffset(Directory.GetLastWriteTimeUtc(directory), TimeSpan.Zero),
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
