using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>A directory for work in progress, leased so that no clean-up takes it for a leftover; removed at the end.</summary>
internal sealed class WorkDirectory : IDisposable
{
    private DirectoryLease? _lease;

    private WorkDirectory(string path, DirectoryLease lease) => (Path, _lease) = (path, lease);

    internal string Path { get; }

    /// <summary>The lease comes last: without it a clean-up would be at the same tree.</summary>
    public void Dispose()
    {
        if (_lease is { } lease)
        {
            using (lease)
            {
                TreeRemover.Remove(Path);
            }
        }
    }

    /// <summary>In the moment between its making and the lease a clean-up may take it; then another is made.</summary>
    internal static WorkDirectory Make(CacheDirectory cache, string prefix)
    {
        while (true)
        {
            string path = cache.Temporary($"{prefix}-{Guid.NewGuid():N}");
            Directory.CreateDirectory(path);
            if (DirectoryLease.TryShare(path) is { } lease)
            {
                return new WorkDirectory(path, lease);
            }
        }
    }

    /// <summary>It was given another name and is kept. The lease went with it and is the caller's now.</summary>
    internal DirectoryLease Keep()
    {
        DirectoryLease lease = _lease!;
        _lease = null;
        return lease;
    }
}
