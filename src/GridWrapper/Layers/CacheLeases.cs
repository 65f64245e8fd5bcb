using System.Collections.Concurrent;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>What this process uses of the cache. Kept as long as the object, or until the process ends, however it ends: nothing leased is removed by a clean-up.</summary>
internal sealed class CacheLeases(TimeProvider clock)
{
    private static readonly RoomLog Log = new(nameof(CacheLeases));

    private readonly ConcurrentDictionary<string, DirectoryLease> _held = new(StringComparer.Ordinal);

    /// <summary>Gives everything back before the process ends.</summary>
    internal void Release()
    {
        foreach (DirectoryLease lease in _held.Values)
        {
            lease.Dispose();
        }

        _held.Clear();
    }

    /// <summary>Takes a share in a directory of the cache and notes the time of use. False if it is not there, or is being removed.</summary>
    internal bool TryHold(string directory)
    {
        if (_held.ContainsKey(directory))
        {
            return true;
        }

        if (DirectoryLease.TryShare(directory) is not { } lease)
        {
            return false;
        }

        Keep(directory, lease);
        Touch(directory);
        return true;
    }

    /// <summary>Takes a share in a directory of somebody else's cache. Where locks are a matter of a server none is asked for, and where none can be had the use goes on without.</summary>
    internal void ShareIfPossible(string directory)
    {
        try
        {
            if (!_held.ContainsKey(directory) && LockTrust.Shared(FileSystemState.Of(directory).Type) is null && DirectoryLease.TryShare(directory) is { } lease)
            {
                Keep(directory, lease);
            }
        }
        catch (LinuxException e)
        {
            Log.Debug("no lease on {Directory}: {Reason}", directory, e.Message);
        }
    }

    /// <summary>A lease taken elsewhere is kept with the others.</summary>
    internal void Keep(string directory, DirectoryLease lease)
    {
        if (!_held.TryAdd(directory, lease))
        {
            lease.Dispose();
        }
    }

    private void Touch(string directory)
    {
        try
        {
            Directory.SetLastWriteTimeUtc(directory, clock.GetUtcNow().UtcDateTime);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A cache that cannot be written is still good to read; the order of removal is somebody else's matter.
            Log.Debug("the time of use of {Directory} was not noted: {Reason}", directory, e.Message);
        }
    }
}
