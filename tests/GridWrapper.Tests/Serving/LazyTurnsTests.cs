using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>Jobs of a node that want the same layer at the same time: what one fetches the others do not.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LazyTurnsTests
{
    private const int Files = 30;
    private const int FileBytes = 4000;
    private const int Jobs = 4;
    private static readonly LazyOptions OnePieceARequest = new() { RequestBytes = 1, GapBytes = 0 };
    private static readonly LazyBlob Blob = LazyBlob.Of(Archive(), LazyDialect.Estargz, landmark: 10);

    [Test]
    public async Task One_table_of_contents_is_fetched_for_all(CancellationToken ct)
    {
        using var bench = new LazyBench(OnePieceARequest);
        MemoryRanges[] ranges = [.. Enumerable.Range(0, Jobs).Select(_ => Slow())];

        await Task.WhenAll(ranges.Select(source => bench.OpenAsync(Blob.Described, source, ct)));

        Assert.That(ranges.Count(source => source.Requests > 0), Is.EqualTo(1));
    }

    [Test]
    public async Task What_is_wanted_at_the_start_is_fetched_once(CancellationToken ct)
    {
        using var bench = new LazyBench(OnePieceARequest);
        (LazyLayer Layer, MemoryRanges Ranges)[] jobs = await OpenAsync(bench, ct);
        LazyFill[] fills = [.. jobs.Select(job => new LazyFill([job.Layer], bench.Traffic))];

        await Task.WhenAll(fills.Select(fill => fill.StartAsync(new LazyPolicy.OnDemand(), [(0, 20), (0, 21)], ct)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(jobs.Select(job => Local(job.Layer)), Is.All.EqualTo(Local(jobs[0].Layer)).And.All.GreaterThan(jobs[0].Layer.PrefetchMembers));
            Assert.That(jobs.Sum(job => job.Ranges.Requests), Is.EqualTo(Local(jobs[0].Layer)));
        }
    }

    [Test]
    public async Task The_whole_layer_is_fetched_once(CancellationToken ct)
    {
        using var bench = new LazyBench(OnePieceARequest);
        (LazyLayer Layer, MemoryRanges Ranges)[] jobs = await OpenAsync(bench, ct);
        LazyFill[] fills = [.. jobs.Select(job => new LazyFill([job.Layer], bench.Traffic))];

        await Task.WhenAll(fills.Select(fill => fill.StartAsync(new LazyPolicy.BeforeRun(), [], ct)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(jobs.Sum(job => job.Ranges.Requests), Is.EqualTo(jobs[0].Layer.Source.Table.Members.Length));
            Assert.That(fills.All(fill => fill.IsComplete), Is.True);
        }
    }

    [Test]
    public async Task Who_waits_goes_on_where_the_other_one_ended(CancellationToken ct)
    {
        using var bench = new LazyBench(OnePieceARequest with { Ahead = 1 });
        (LazyLayer Layer, MemoryRanges Ranges)[] jobs = await OpenAsync(bench, ct);
        int members = jobs[0].Layer.Source.Table.Members.Length;
        var half = new TaskCompletionSource();
        jobs[0].Ranges.Before = (_, _, _, token) =>
        {
            if (jobs[0].Ranges.Requests > members / 2)
            {
                half.TrySetResult();
                return Task.Delay(Timeout.Infinite, token);
            }

            return Task.CompletedTask;
        };
        var first = new LazyFill([jobs[0].Layer], bench.Traffic);
        await first.StartAsync(new LazyPolicy.Within(TimeSpan.FromHours(1)), [], ct);
        await half.Task.WaitAsync(ct);
        await using var second = new LazyFill([jobs[1].Layer], bench.Traffic);
        Task completing = second.StartAsync(new LazyPolicy.BeforeRun(), [], ct);
        await Task.Delay(50, ct);
        int whileWaiting = jobs[1].Ranges.Requests;

        await first.DisposeAsync();
        await completing;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(whileWaiting, Is.EqualTo(jobs[1].Layer.PrefetchMembers).Or.Zero);
            Assert.That(second.IsComplete, Is.True);
            Assert.That(jobs[1].Ranges.Requests, Is.InRange(1, members - (members / 2)));
        }
    }

    [Test]
    public async Task Who_waits_too_long_fetches_itself(CancellationToken ct)
    {
        using var bench = new LazyBench(OnePieceARequest with { FillPatience = TimeSpan.FromMilliseconds(20) });
        (LazyLayer Layer, MemoryRanges Ranges)[] jobs = await OpenAsync(bench, ct);
        using IDisposable? stuck = await jobs[0].Layer.Turns.FillAsync(ct);
        await using var fill = new LazyFill([jobs[1].Layer], bench.Traffic);

        await fill.StartAsync(new LazyPolicy.BeforeRun(), [], ct);

        Assert.That((stuck is not null, fill.IsComplete), Is.EqualTo((true, true)));
    }

    /// <summary>All of them before anything is fetched, as jobs are that start together; requests are counted from now on.</summary>
    private static async Task<(LazyLayer Layer, MemoryRanges Ranges)[]> OpenAsync(LazyBench bench, CancellationToken ct)
    {
        _ = await bench.OpenAsync(Blob, ct);
        List<(LazyLayer, MemoryRanges)> jobs = [];
        for (int i = 0; i < Jobs; i++)
        {
            MemoryRanges ranges = Slow();
            jobs.Add((await bench.OpenAsync(Blob.Described, ranges, ct), ranges));
        }

        return [.. jobs];
    }

    private static int Local(LazyLayer layer) => Enumerable.Range(0, layer.Source.Table.Members.Length).Count(layer.Source.IsLocal);

    private static MemoryRanges Slow() => new(Blob.Bytes) { Before = static (_, _, _, token) => Task.Delay(2, token) };

    private static byte[] Archive()
    {
        var tar = new TarBuilder();
        byte[] bytes = new byte[FileBytes];
        for (int i = 0; i < Files; i++)
        {
            new Random(i).NextBytes(bytes);
            tar.File(string.Create(CultureInfo.InvariantCulture, $"f{i:D2}"), Encoding.Latin1.GetString(bytes));
        }

        return tar.Build();
    }
}
