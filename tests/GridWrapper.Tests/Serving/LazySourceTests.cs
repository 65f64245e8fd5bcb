using GridWrapper.Linux;
using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>Files that come as they are read: what is fetched, what is kept, and what happens when the network or the copy lies.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LazySourceTests
{
    private const int FileBytes = 3000;
    private const int Files = 40;

    private static readonly LazyOptions Short = new()
    {
        Patience = TimeSpan.FromMilliseconds(300),
        FirstDelay = TimeSpan.FromMilliseconds(1),
        LongestDelay = TimeSpan.FromMilliseconds(10),
        Rest = TimeSpan.Zero,
        DemandBytes = 1,
        GapBytes = 1,
    };

    private static readonly LazyBlob Blob = LazyBlob.Of(Archive(), LazyDialect.Estargz);

    [Test]
    public async Task A_read_fetches_what_it_needs_and_the_next_one_nothing(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        int before = ranges.Requests;
        byte[] some = new byte[50];

        bool waits = layer.Source.WouldWait(7, 600, 50);
        int errno = layer.Source.Read(7, 600, some);
        int asked = ranges.Requests - before;
        int again = layer.Source.Read(7, 640, some.AsSpan(0, 10));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((errno, again), Is.EqualTo((0, 0)));
            Assert.That(some[..10], Is.EqualTo(Content(7)[640..650]));
            Assert.That((waits, layer.Source.WouldWait(7, 600, 50), layer.Source.WouldWait(7, 600, 200)), Is.EqualTo((true, false, true)));
            Assert.That((asked, ranges.Requests - before), Is.EqualTo((1, 1)));
            Assert.That(bench.Traffic.Figures.LocalBytes, Is.EqualTo(10));
        }
    }

    [Test]
    public async Task Many_readers_of_one_piece_cost_one_request(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        using var gate = new SemaphoreSlim(0);
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        int before = ranges.Requests;
        ranges.Before = (_, _, _, token) => gate.WaitAsync(token);
        Task<int>[] readers = [.. Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(() => layer.Source.Read(3, 0, new byte[100]), ct, TaskCreationOptions.LongRunning, TaskScheduler.Default))];

        while (bench.Traffic.Figures.Waits < readers.Length)
        {
            await Task.Delay(1, ct);
        }

        gate.Release();
        int[] answers = await Task.WhenAll(readers);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers, Is.All.Zero);
            Assert.That(ranges.Requests - before, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task All_of_it_in_the_background_and_then_the_registry_may_go(CancellationToken ct)
    {
        using var bench = new LazyBench(Short with { RequestBytes = 5000, GapBytes = 100_000 });
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        await using var fill = new LazyFill([layer], bench.Traffic);

        await fill.StartAsync(new LazyPolicy.BeforeRun(), [], ct);
        ranges.Before = (_, _, _, _) => throw new IOException("gone");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fill.IsComplete && layer.IsLocal, Is.True);
            Assert.That(ReadAll(layer), Is.EqualTo(Expected()));
            Assert.That(ranges.Bytes, Is.LessThan(Blob.Bytes.Length * 2));
        }
    }

    [Test]
    public async Task What_nobody_asked_for_gives_way_to_reads_until_its_time_is_over(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        LazyLayer layer = await bench.OpenAsync(Blob, ct);
        await using var fill = new LazyFill([layer], bench.Traffic);
        long entered = bench.Traffic.Enter();

        await fill.StartAsync(new LazyPolicy.Within(TimeSpan.FromMilliseconds(200)), [], ct);
        await Task.Delay(50, ct);
        bool began = layer.Source.IsLocal(0);
        while (!fill.IsComplete)
        {
            await Task.Delay(5, ct);
        }

        bench.Traffic.Leave(entered);
        Assert.That((began, bench.Traffic.Figures.Waited >= TimeSpan.FromMilliseconds(200)), Is.EqualTo((false, true)));
    }

    [Test]
    public async Task What_earlier_runs_read_first_is_there_at_the_start(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        LazyLayer layer = await bench.OpenAsync(Blob, ct);
        await using var fill = new LazyFill([layer], bench.Traffic);

        await fill.StartAsync(new LazyPolicy.OnDemand(), [(0, 5), (0, 20)], ct);

        Assert.That(Enumerable.Range(0, Files).Where(file => !layer.Source.WouldWait(file, 0, FileBytes)), Is.EqualTo((int[])[5, 20]));
    }

    [Test]
    public async Task A_second_job_reads_what_the_first_one_fetched_and_asks_for_nothing(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        LazyLayer first = await bench.OpenAsync(Blob, ct);
        Assert.That(ReadAll(first), Is.EqualTo(Expected()));
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer second = await bench.OpenAsync(Blob.Described, ranges, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ReadAll(second), Is.EqualTo(Expected()));
            Assert.That(ranges.Requests, Is.Zero);
        }
    }

    [Test]
    public async Task What_one_job_fetches_while_another_runs_is_not_fetched_by_that(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        LazyLayer first = await bench.OpenAsync(Blob, ct);
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer second = await bench.OpenAsync(Blob.Described, ranges, ct);

        _ = ReadAll(first);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ReadAll(second), Is.EqualTo(Expected()));
            Assert.That(ranges.Requests, Is.Zero);
        }
    }

    private static IEnumerable<TestCaseData> Damages()
    {
        static TestCaseData Case(string name, Action<string> damage) => new TestCaseData(damage).SetName("Damaged_copy_" + name);
        yield return Case("cut", directory => Cut(directory + "/data", 1000));
        yield return Case("empty", directory => Cut(directory + "/data", 0));
        yield return Case("marks_cut", directory => Cut(directory + "/marks", 3));
        yield return Case("marks_garbage", directory => Overwrite(directory + "/marks", [.. Enumerable.Range(0, 500).Select(i => (byte)(i % 256))]));
        yield return Case("other_bytes", directory => Overwrite(directory + "/data", new byte[Files * FileBytes]));
        yield return Case("toc", directory => File.WriteAllBytes(directory + "/toc", new byte[100]));
        yield return Case("toc_empty", directory => Cut(directory + "/toc", 0));
    }

    [TestCaseSource(nameof(Damages))]
    public async Task A_damaged_copy_costs_another_fetch_and_nothing_else(Action<string> damage, CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        _ = ReadAll(await bench.OpenAsync(Blob, ct));

        damage(bench.Cache.LazyDirectory(LazyFormat.Of(Blob.Described, out _)!.Root));

        Assert.That(ReadAll(await bench.OpenAsync(Blob, ct)), Is.EqualTo(Expected()));
    }

    [Test]
    public async Task A_disk_that_is_full_ends_the_keeping_and_not_the_serving(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        string directory = bench.Cache.LazyDirectory(LazyFormat.Of(Blob.Described, out _)!.Root);
        Directory.CreateDirectory(directory);
        File.CreateSymbolicLink(directory + "/data", "/dev/full");
        LazyLayer layer = await bench.OpenAsync(Blob, ct);
        await using var fill = new LazyFill([layer], bench.Traffic);

        await fill.StartAsync(new LazyPolicy.BeforeRun(), [], ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((layer.Source.IsFull, fill.IsComplete), Is.EqualTo((true, false)));
            Assert.That(ReadAll(layer), Is.EqualTo(Expected()));
            Assert.That(bench.Traffic.Trouble, Is.Null);
        }
    }

    [Test]
    public async Task Names_of_a_trace_lead_to_files_of_their_layers(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        LazyLayer layer = await bench.OpenAsync(Blob, ct);
        var union = new RootUnion();
        union.Add(layer.Tree, 0, "lazy");

        Assert.That(LazyFill.Named(union.Table, ["f03", "gone", "f39", "", "f03/below"]), Is.EqualTo((((int, long)[])[(0, 3), (0, 39)])));
    }

    [Test]
    public async Task A_place_that_lies_is_passed_over(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        var ranges = new MemoryRanges(Blob.Bytes) { Places = 2 };
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        ranges.Before = (place, _, into, _) => Lie(place == 0, into);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ReadAll(layer), Is.EqualTo(Expected()));
            Assert.That(bench.Traffic.Figures.WrongPieces, Is.EqualTo(1));
            Assert.That(bench.Traffic.Trouble, Is.Null);
        }
    }

    [Test]
    public async Task A_piece_that_is_wrong_everywhere_is_an_error_of_that_read_alone(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        var ranges = new MemoryRanges(Blob.Bytes) { Places = 2 };
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        ranges.Before = (_, _, into, _) => Lie(true, into);
        int lied = layer.Source.Read(0, 0, new byte[10]);
        ranges.Before = null;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(lied, Is.EqualTo(Errno.EIO));
            Assert.That(bench.Traffic.Trouble?.FailedReads, Is.EqualTo(1));
            Assert.That(bench.Traffic.Trouble?.What, Does.Contain("wrong from everywhere"));
            Assert.That(ReadAll(layer), Is.EqualTo(Expected()));
        }
    }

    [Test]
    public async Task A_registry_that_comes_back_is_waited_for(CancellationToken ct)
    {
        using var bench = new LazyBench(Short with { Patience = TimeSpan.FromMinutes(10) });
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        int failures = 5;
        ranges.Before = (_, _, _, _) => Interlocked.Decrement(ref failures) >= 0 ? throw new IOException("away") : Task.CompletedTask;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ReadAll(layer), Is.EqualTo(Expected()));
            Assert.That(bench.Traffic.Trouble?.FailedReads ?? 0, Is.Zero);
        }
    }

    [Test]
    public async Task Patience_ends_not_before_its_time_and_a_registry_that_comes_later_is_used(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        ranges.Before = (_, _, _, _) => throw new IOException("the cable is cut");
        long began = TimeProvider.System.GetTimestamp();
        int errno = layer.Source.Read(0, 0, new byte[10]);
        TimeSpan waited = TimeProvider.System.GetElapsedTime(began);
        ranges.Before = null;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(errno, Is.EqualTo(Errno.EIO));
            Assert.That(waited, Is.GreaterThanOrEqualTo(Short.Patience));
            Assert.That(bench.Traffic.Trouble?.What, Does.Contain("the cable is cut"));
            Assert.That(ReadAll(layer), Is.EqualTo(Expected()));
        }
    }

    [Test]
    public async Task Once_patience_is_at_its_end_other_reads_fail_without_asking(CancellationToken ct)
    {
        using var bench = new LazyBench(Short with { Rest = TimeSpan.FromMinutes(10) });
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        int asked = 0;
        ranges.Before = (_, _, _, _) =>
        {
            Interlocked.Increment(ref asked);
            throw new IOException("the cable is cut");
        };
        int first = layer.Source.Read(0, 0, new byte[10]);
        int before = asked;
        int second = layer.Source.Read(1, 0, new byte[10]);
        Assert.That((first, second, asked - before, bench.Traffic.Trouble?.FailedReads), Is.EqualTo((Errno.EIO, Errno.EIO, 0, (int?)2)));
    }

    [Test]
    public async Task A_source_that_is_closed_lets_nobody_wait(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        var ranges = new MemoryRanges(Blob.Bytes);
        LazyLayer layer = await bench.OpenAsync(Blob.Described, ranges, ct);
        ranges.Before = (_, _, _, token) => Task.Delay(Timeout.Infinite, token);
        Task<int> reader = Task.Factory.StartNew(() => layer.Source.Read(0, 0, new byte[10]), ct, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        while (!bench.Traffic.IsAwaited)
        {
            await Task.Delay(1, ct);
        }

        layer.Source.Dispose();

        Assert.That(await reader, Is.EqualTo(Errno.EIO));
    }

    [Test]
    public async Task Reads_outside_of_a_file_are_errors(CancellationToken ct)
    {
        using var bench = new LazyBench(Short);
        LazyLayer layer = await bench.OpenAsync(Blob, ct);

        Assert.That((int[])[layer.Source.Read(-1, 0, new byte[1]), layer.Source.Read(Files, 0, new byte[1]), layer.Source.Read(0, FileBytes, new byte[1]), layer.Source.Read(0, -5, new byte[1])], Is.All.EqualTo(Errno.EIO));
    }

    /// <summary>Random bytes do not become smaller by packing, so that positions in the blob are told apart.</summary>
    private static byte[] Content(int file)
    {
        byte[] bytes = new byte[FileBytes];
        new Random(file).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Archive()
    {
        var tar = new TarBuilder();
        for (int i = 0; i < Files; i++)
        {
            tar.File(string.Create(CultureInfo.InvariantCulture, $"f{i:D2}"), Encoding.Latin1.GetString(Content(i)));
        }

        return tar.Build();
    }

    private static string Expected() => string.Join(' ', Enumerable.Range(0, Files).Select(file => GridWrapper.Images.Digest.Of(Content(file))));

    private static string ReadAll(LazyLayer layer)
    {
        byte[] bytes = new byte[FileBytes];
        return string.Join(' ', Enumerable.Range(0, Files).Select(file => layer.Source.Read(file, 0, bytes) is not 0 and int errno ? $"errno {errno}" : GridWrapper.Images.Digest.Of(bytes).ToString()));
    }

    private static Task Lie(bool really, Memory<byte> into)
    {
        if (really)
        {
            into.Span[into.Length / 2] ^= 0x55;
        }

        return Task.CompletedTask;
    }

    private static void Overwrite(string path, byte[] bytes)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Write(bytes);
    }

    private static void Cut(string path, long length)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(length);
    }
}
