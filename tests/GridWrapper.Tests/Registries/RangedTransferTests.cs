using GridWrapper.Diagnostics;
using GridWrapper.Registries;
using GridWrapper.Sites;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

/// <summary>A large blob in pieces, several at a time. The limits are set so that every server counts as slow.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class RangedTransferTests
{
    private const int PieceBytes = 50_000;

    private static readonly TestBlob Layer = new(1_234_567, seed: 5);
    private static readonly byte[] Blob = Layer.Bytes;

    private static readonly RangeSettings Eager = new() { LeastBlobBytes = 100_000, TrialBytes = 60_000, PieceBytes = PieceBytes, Ahead = 3, FastEnough = double.MaxValue, LeastWaiting = 0 };

    [Test]
    public async Task A_slow_blob_comes_in_pieces_and_every_byte_once(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = Serve;

        byte[] got = await ReadAsync(registry, Eager, ct);

        (long From, long To)[] pieces = [.. registry.Requests.Select(Range).Where(r => r.From > 0).Order()];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(got.AsSpan().SequenceEqual(Blob), Is.True);
            Assert.That(pieces, Has.Length.GreaterThan(10));
            Assert.That(pieces[^1].To, Is.EqualTo(Blob.Length - 1));
            Assert.That(pieces.Zip(pieces.Skip(1)).Select(p => p.Second.From - p.First.To), Is.All.EqualTo(1));
        }
    }

    [Test]
    public async Task A_quick_server_keeps_its_one_stream(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = Serve;

        byte[] got = await ReadAsync(registry, Eager with { FastEnough = 1 }, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(got.AsSpan().SequenceEqual(Blob), Is.True);
            Assert.That(registry.Requests, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task A_server_without_ranges_keeps_its_one_stream(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = r => Range(r).From == 0 ? Serve(r) : new Answer { Body = Blob };

        byte[] got = await ReadAsync(registry, Eager, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(got.AsSpan().SequenceEqual(Blob), Is.True);
            Assert.That(registry.Requests, Has.Count.LessThanOrEqualTo(1 + Eager.Ahead));
        }
    }

    [Test]
    public async Task A_piece_that_breaks_goes_on_where_it_broke(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        int asked = 0;
        registry.Special[TestBlob.Path] = r => Range(r).From > 0 && Interlocked.Increment(ref asked) % 3 == 1 ? Serve(r) with { Body = Serve(r).Body[..(Serve(r).Body.Length / 2)], Length = Serve(r).Body.Length } : Serve(r);

        byte[] got = await ReadAsync(registry, Eager, ct);

        Assert.That(got.AsSpan().SequenceEqual(Blob), Is.True);
    }

    private static IEnumerable<TestCaseData> Faults()
    {
        static TestCaseData Case(string name, string text, Func<FakeRegistry.Request, Answer?> answer) => new TestCaseData(text, answer).SetName("Pieces_" + name);
        yield return Case("wrong_bytes", "wrong bytes", r => Range(r).From > 500_000 ? Serve(r) with { Body = new byte[Serve(r).Body.Length] } : Serve(r));
        yield return Case("a_piece_that_never_comes", "broke", r => Range(r).From > 500_000 ? Serve(r) with { Body = [], Length = PieceBytes } : Serve(r));
        yield return Case("gone_meanwhile", "404", r => Range(r).From > 500_000 ? Answer.Error(404, "BLOB_UNKNOWN", "gone") : Serve(r));
        yield return Case("503_meanwhile", "503", r => Range(r).From > 500_000 ? new Answer { Status = 503 } : Serve(r));
        yield return Case("another_range_meanwhile", "sends none any more", r => Range(r).From > 500_000 ? Serve(r, "bytes 1-2/3") : Serve(r));
    }

    [TestCaseSource(nameof(Faults))]
    public async Task What_goes_wrong_with_a_piece_is_the_blobs_fault(string text, Func<FakeRegistry.Request, Answer?> answer, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = answer;

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => ReadAsync(registry, Eager, ct))!;

        Assert.That(fault.Message, Does.Contain(text).And.Contain(Layer.Described.Digest.ToString()));
    }

    [Test]
    public async Task Giving_up_in_the_middle_is_prompt_and_asks_no_more(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = r => Range(r).From > 400_000 ? Serve(r) with { StallAfter = 10 } : Serve(r);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        stop.CancelAfter(300);

        Assert.That(() => ReadAsync(registry, Eager, stop.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    private static async Task<byte[]> ReadAsync(FakeRegistry registry, RangeSettings settings, CancellationToken ct)
    {
        var factory = new RegistryClientFactory(TimeProvider.System, new Random(1)) { Environment = _ => null, FirstRetryDelay = TimeSpan.FromMilliseconds(1), Ranges = settings };
        using RegistryClient client = factory.Create(new SiteProfile { Name = "test", Registries = new RegistryPolicy { StallSeconds = 2 } });
        return await Layer.ReadAsync(client, registry, ct);
    }

    private static (long From, long To) Range(FakeRegistry.Request request)
    {
        if (!request.Headers.TryGetValue("Range", out string? range))
        {
            return (0, Blob.Length - 1);
        }

        string[] ends = range["bytes=".Length..].Split('-');
        return (long.Parse(ends[0], CultureInfo.InvariantCulture), ends[1].Length > 0 ? long.Parse(ends[1], CultureInfo.InvariantCulture) : Blob.Length - 1);
    }

    private static Answer Serve(FakeRegistry.Request request) => Serve(request, $"bytes {Range(request).From}-{Range(request).To}/{Blob.Length}");

    private static Answer Serve(FakeRegistry.Request request, string said)
    {
        (long from, long to) = Range(request);
        return new Answer { Status = from > 0 ? 206 : 200, Body = Blob[(int)from..((int)to + 1)], Headers = { ["Content-Range"] = said } };
    }
}
