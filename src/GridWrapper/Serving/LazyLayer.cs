using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>A layer that is read piece by piece: its tree, known at once, and its bytes, which come as they are asked for.</summary>
/// <param name="PrefetchMembers">So many members at the begin of the blob are wanted at the start.</param>
internal sealed record LazyLayer(Digest Blob, LayerTree Tree, LazySource Source, int PrefetchMembers)
{
    private static readonly RoomLog Log = new(nameof(LazyLayer));

    /// <summary>With the other jobs of the node.</summary>
    public required LazyTurns Turns { get; init; }

    /// <summary>Everything is on this node.</summary>
    internal bool IsLocal => Source.AreLocal(0, Source.Table.Members.Length);

    /// <summary>Reads the table of contents, from the cache where it is there, and opens the local copy.</summary>
    /// <param name="ranges">Owned by the layer from now on.</param>
    /// <param name="cache">Where the local copy is, and its lease.</param>
    /// <exception cref="InvalidDataException">The table is damaged or hostile, or not the one that the manifest vouches for.</exception>
    /// <exception cref="NoRangesException">No place sends parts of the blob.</exception>
    /// <exception cref="GridWrapperException">The registry or the cache failed.</exception>
    internal static async Task<LazyLayer> OpenAsync((Descriptor Blob, LazyFormat Format) layer, IRangeSource ranges, (CacheDirectory Directory, CacheLeases Leases) cache, LazyTraffic traffic, CancellationToken ct)
    {
        Digest blob = layer.Blob.Digest;
        try
        {
            string directory = Prepare(cache, layer.Format);
            var turns = new LazyTurns(cache.Directory, layer.Format.Root, traffic.Options);
            PackedToc? toc = ReadKept(directory, layer.Format, blob);
            if (toc is null)
            {
                using FileLock? turn = await turns.StartAsync(ct);
                toc = ReadKept(directory, layer.Format, blob);
                if (toc is null)
                {
                    toc = await TocDocument.FetchAsync(layer.Blob, layer.Format, ranges, ct);
                    traffic.AddRequest(toc.Bytes.Length);
                    KeptToc.Keep(directory, toc, cache.Directory);
                }
            }

            LazyTree tree = LazyTree.Read(TocDocument.Unpack(toc, layer.Format, blob), layer.Blob, toc.Position.Offset);
            var source = new LazySource(blob.ToString(), layer.Format.Kind, new ChunkStore(directory, tree.Chunks), (tree.Chunks, ranges), traffic);
            int prefetch = 0;
            while (prefetch < tree.Chunks.Members.Length && tree.Chunks.Members[prefetch].Offset < tree.PrefetchEnd)
            {
                prefetch++;
            }

            Log.Debug("layer {Layer} is read by its table of contents, not by its archive: {Files} files in {Members} pieces", blob, tree.Chunks.FileCount, tree.Chunks.Members.Length);
            return new LazyLayer(blob, tree.Tree, source, prefetch) { Turns = turns };
        }
        catch (DllNotFoundException e)
        {
            ranges.Dispose();
            throw LayerFault.NoZstd(blob, e);
        }
        catch (Exception e)
        {
            ranges.Dispose();
            throw e is UnauthorizedAccessException or (IOException and not NoRangesException)
                ? LayerFault.Storage($"opening the local copy of layer {blob}", cache.Directory.Path, e as IOException ?? new IOException(e.Message, e))
                : e;
        }
    }

    /// <summary>Whether a table of contents is in the cache: then the registry is not asked for it.</summary>
    internal static bool IsKnown(CacheDirectory cache, LazyFormat format) => File.Exists($"{cache.LazyDirectory(format.Root)}/{KeptToc.FileName}");

    private static string Prepare((CacheDirectory Directory, CacheLeases Leases) cache, LazyFormat format)
    {
        string directory = cache.Directory.LazyDirectory(format.Root);
        for (int tries = 0; tries < 10; tries++)
        {
            Directory.CreateDirectory(directory);
            if (cache.Leases.TryHold(directory))
            {
                return directory;
            }
        }

        throw new IOException($"{directory} is removed again and again");
    }

    /// <summary>Verified as if it came from the network.</summary>
    private static PackedToc? ReadKept(string directory, LazyFormat format, Digest blob)
    {
        try
        {
            if (KeptToc.Read(directory) is { } toc)
            {
                TocDocument.Unpack(toc, format, blob);
                return toc;
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            Log.Info("the table of contents in {Directory} is not used: {Reason}", directory, e.Message);
        }

        return null;
    }
}
