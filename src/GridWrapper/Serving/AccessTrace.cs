using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>
/// Which files of an image a payload read, in the order in which it first did: a text file of the cache with a path in each line, the newest run's. A later job on the node has them
/// fetched before it asks. Names that a line cannot hold are left out.
/// </summary>
internal static class AccessTrace
{
    /// <summary>Enough for any start; what comes later is as well fetched in the order of the image.</summary>
    internal const int MaxFiles = 50_000;

    private static readonly RoomLog Log = new(nameof(AccessTrace));

    /// <summary>Paths of nodes, without a leading slash, bytes as Latin-1. A node with several names has its first.</summary>
    /// <param name="table">The tree.</param>
    /// <param name="nodes">Numbers of files.</param>
    /// <returns>One after the other as they are asked for: a payload may have read every file of a large image.</returns>
    internal static IEnumerable<string> Paths(NodeTable table, IEnumerable<int> nodes)
    {
        int[] names = FirstNames(table);
        foreach (int node in nodes)
        {
            if (names[node] >= 0 && Path(table, names, names[node]) is { } path && !path.Contains('\n', StringComparison.Ordinal))
            {
                yield return path;
            }
        }
    }

    /// <summary>The trace of the image with this configuration; empty where there is none.</summary>
    internal static ImmutableArray<string> Read(CacheDirectory cache, Digest config)
    {
        string file = cache.Trace(config);
        try
        {
            return File.Exists(file) ? [.. File.ReadAllText(file, Encoding.Latin1).Split('\n', StringSplitOptions.RemoveEmptyEntries).Take(MaxFiles)] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Debug("{File} cannot be read: {Reason}", file, e.Message);
            return [];
        }
    }

    /// <summary>Keeps what one run read, if it read something. A cache that cannot be written to keeps what it has.</summary>
    internal static void Keep(CacheDirectory cache, Digest config, IEnumerable<string> paths)
    {
        string work = cache.Temporary($"trace-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(cache.Trace(config))!);
            File.WriteAllLines(work, paths.Take(MaxFiles), Encoding.Latin1);
            if (new FileInfo(work).Length > 0)
            {
                File.Move(work, cache.Trace(config), overwrite: true);
            }
            else
            {
                File.Delete(work);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Debug("what the payload read was not kept: {Reason}", e.Message);
        }
    }

    /// <summary>The number of an entry for each node, None where it has none.</summary>
    private static int[] FirstNames(NodeTable table)
    {
        int[] names = new int[table.Count];
        Array.Fill(names, NodeTable.None);
        ReadOnlySpan<TreeEntry> entries = table.Entries;
        for (int i = entries.Length - 1; i >= 0; i--)
        {
            if (entries[i].Node >= 0)
            {
                names[entries[i].Node] = i;
            }
        }

        return names;
    }

    /// <summary>Null for what does not lead to the root any more.</summary>
    private static string? Path(NodeTable table, int[] names, int entry)
    {
        List<string> parts = [];
        for (int at = entry; parts.Count <= EntryPath.MaxDepth; at = names[table.Entries[at].Directory])
        {
            parts.Add(Encoding.Latin1.GetString(table.Name(at)));
            if (table.Entries[at].Directory == NodeTable.Root)
            {
                parts.Reverse();
                return string.Join('/', parts);
            }

            if (names[table.Entries[at].Directory] < 0)
            {
                return null;
            }
        }

        return null;
    }
}
