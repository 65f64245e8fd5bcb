using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>Brings what nobody asked for yet: what is wanted at the start before the payload runs, and the rest behind its back, in the order of the blobs. Reads that wait go first.</summary>
internal sealed class LazyFill(ImmutableArray<LazyLayer> layers, LazyTraffic traffic) : IAsyncDisposable
{
    private static readonly RoomLog Log = new(nameof(LazyFill));
    private static readonly TimeSpan Courtesy = TimeSpan.FromMilliseconds(10);

    /// <summary>From the begin.</summary>
    private static readonly CancellationToken Hurry = new(canceled: true);
    private readonly CancellationTokenSource _end = new();
    private Task _background = Task.CompletedTask;

    /// <summary>Every layer is on this node: the registry is not needed any more.</summary>
    internal bool IsComplete { get; private set; }

    /// <summary>The files that a trace of earlier runs names, as far as they are still there.</summary>
    /// <param name="table">Of the whole root.</param>
    /// <param name="paths">As <see cref="AccessTrace"/> keeps them: without a leading slash, bytes as Latin-1, no links on the way.</param>
    /// <returns>Source and <see cref="Node.Data"/> of each.</returns>
    internal static List<(int Layer, long Data)> Named(NodeTable table, IEnumerable<string> paths)
    {
        List<(int Layer, long Data)> files = [];
        foreach (string path in paths)
        {
            int node = NodeTable.Root;
            foreach (string name in path.Split('/'))
            {
                node = node >= 0 && NodeKind.IsDirectory(table[node].Mode) ? table.Find(node, Encoding.Latin1.GetBytes(name)) : NodeTable.None;
            }

            if (node >= 0 && NodeKind.IsFile(table[node].Mode) && table[node].Size > 0)
            {
                files.Add((table[node].Source, table[node].Data));
            }
        }

        return files;
    }

    /// <summary>What has to happen before the payload starts; the rest goes on afterwards.</summary>
    /// <param name="policy">When the rest comes.</param>
    /// <param name="wanted">Files that earlier runs read first: a layer's number and <see cref="Node.Data"/> of one of its files.</param>
    internal async Task StartAsync(LazyPolicy policy, IReadOnlyCollection<(int Layer, long Data)> wanted, CancellationToken ct)
    {
        ILookup<int, long> files = wanted.ToLookup(file => file.Layer, file => file.Data);
        var options = new ParallelOptions { MaxDegreeOfParallelism = traffic.Options.Ahead, CancellationToken = ct };
        await Parallel.ForEachAsync(Enumerable.Range(0, layers.Length), options, async (i, token) => await BeginAsync(layers[i], files[i], token));

        switch (policy)
        {
            case LazyPolicy.BeforeRun:
                await CompleteAsync(Hurry, ct);
                break;
            case LazyPolicy.Within within:
                _background = RunAsync(within.Limit, _end.Token);
                break;
            default:
                NoteComplete();
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _background;
        _end.Dispose();
    }

    private async Task BeginAsync(LazyLayer layer, IEnumerable<long> files, CancellationToken ct)
    {
        LazySource source = layer.Source;
        (int First, int End)[] spans = [(0, layer.PrefetchMembers), .. MembersOf(source.Table, files)];
        if (!spans.All(span => source.AreLocal(span.First, span.End)))
        {
            using FileLock? turn = await layer.Turns.StartAsync(ct);
            await FillAsync(source, spans, Hurry, ct);
        }
    }

    private async Task RunAsync(TimeSpan limit, CancellationToken ct)
    {
        await Task.Yield();
        using var late = new CancellationTokenSource(limit, traffic.Options.Clock);
        await using CancellationTokenRegistration warning = late.Token.Register(() =>
            Log.Warn("the image is not complete on this node after {Minutes:0.#} minutes; fetching it goes on, and does not give way to reads any more", limit.TotalMinutes));
        try
        {
            await CompleteAsync(late.Token, ct);
        }
        catch (OperationCanceledException)
        {
            Log.Debug("the rest of the image is not fetched any more");
        }
        catch (Exception e)
        {
            Log.Warn("the rest of the image is not fetched in the background any more: {Reason}", e.Message);
        }
    }

    private async Task CompleteAsync(CancellationToken hurry, CancellationToken ct)
    {
        foreach (LazyLayer layer in layers)
        {
            if (!layer.IsLocal)
            {
                using FileLock? turn = await layer.Turns.FillAsync(ct);
                await FillAsync(layer.Source, [(0, layer.Source.Table.Members.Length)], hurry, ct);
            }
        }

        NoteComplete();
    }

    private void NoteComplete()
    {
        IsComplete = layers.All(layer => layer.IsLocal);
        if (IsComplete)
        {
            LazyFigures figures = traffic.Figures;
            Log.Info("detached from registry: the whole image is on this node after {Requests} requests and {Bytes} bytes", figures.Requests, figures.FetchedBytes);
        }
    }

    /// <summary>Several requests at a time, which give way to reads that wait until there is no time left for that.</summary>
    private async Task FillAsync(LazySource source, IEnumerable<(int First, int End)> spans, CancellationToken hurry, CancellationToken ct)
    {
        List<Task> underWay = [];
        foreach ((int first, int end) in spans)
        {
            for (int member = first; member < end && !source.IsFull;)
            {
                if (source.IsLocal(member))
                {
                    member++;
                    continue;
                }

                while (!hurry.IsCancellationRequested && traffic.IsAwaited)
                {
                    await Task.Delay(Courtesy, traffic.Options.Clock, ct);
                }

                while (underWay.Count >= traffic.Options.Ahead)
                {
                    underWay.Remove(await Task.WhenAny(underWay));
                }

                ct.ThrowIfCancellationRequested();
                (Task fetch, member) = source.FetchAhead(member, end, ct);
                underWay.Add(fetch);
            }
        }

        await Task.WhenAll(underWay);
    }

    /// <summary>Neighbours together, in the order of the blob.</summary>
    private static List<(int First, int End)> MembersOf(ChunkTable table, IEnumerable<long> files)
    {
        SortedSet<int> members = [];
        foreach (long file in files)
        {
            (int first, int end) = (ulong)file < (ulong)table.FileCount ? table.ChunksOf((int)file) : (0, 0);
            for (int chunk = first; chunk < end; chunk++)
            {
                if (table.Chunks[chunk].Member != ChunkTable.Zeros)
                {
                    members.Add(table.Chunks[chunk].Member);
                }
            }
        }

        List<(int First, int End)> spans = [];
        foreach (int member in members)
        {
            if (spans.Count > 0 && spans[^1].End == member)
            {
                spans[^1] = (spans[^1].First, member + 1);
            }
            else
            {
                spans.Add((member, member + 1));
            }
        }

        return spans;
    }
}
