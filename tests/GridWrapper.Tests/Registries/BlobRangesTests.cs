using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Registries;
using GridWrapper.Serving;
using GridWrapper.Sites;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

/// <summary>Parts of a blob: from mirrors and the registry, through redirects that expire, with tokens that do, and from servers that know no ranges.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class BlobRangesTests
{
    private static readonly TestBlob Layer = new(200_000, seed: 8);

    [Test]
    public async Task Parts_are_the_bytes_that_were_asked_for_from_the_first_on(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = Serve;
        using RegistryClient client = Client();
        using IRangeSource ranges = Open(client, registry);

        Assert.That(await TakeAsync(ranges, (0, 100), (0, 1), (777, 5000), (199_999, 1)), Is.True);
    }

    [Test]
    public async Task A_redirect_is_remembered_until_it_is_refused_and_no_credentials_go_there(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        await using var store = new FakeRegistry();
        int signed = 1;
        registry.Special[TestBlob.Path] = r => r.Authorization is null ? Answer.Challenge("Bearer realm=\"http://" + registry.Host + "/token\"") : Answer.Redirect($"http://{store.Host}/data?signature={Volatile.Read(ref signed)}");
        registry.Special["/token"] = _ => Answer.Json("""{"token":"t"}""");
        store.Special["/data"] = r => r.Path.EndsWith(string.Create(CultureInfo.InvariantCulture, $"={Volatile.Read(ref signed)}"), StringComparison.Ordinal) ? Serve(r) : Answer.Error(403, "DENIED", "expired");
        using RegistryClient client = Client();
        using IRangeSource ranges = Open(client, registry);

        bool first = await TakeAsync(ranges, (0, 100), (500, 100), (900, 100));
        int asked = registry.CountOf("/blobs/");
        Interlocked.Increment(ref signed);
        bool second = await TakeAsync(ranges, (0, 100), (500, 100));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((first, second), Is.EqualTo((true, true)));
            Assert.That((asked, registry.CountOf("/blobs/")), Is.EqualTo((2, 3)));
            Assert.That(store.Requests.Select(r => r.Authorization), Is.All.Null);
        }
    }

    [Test]
    public async Task A_token_that_expires_is_renewed(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        int valid = 1;
        registry.Special[TestBlob.Path] = r => r.Authorization == $"Bearer t{Volatile.Read(ref valid)}" ? Serve(r) : Answer.Challenge("Bearer realm=\"http://" + registry.Host + "/token\"");
        registry.Special["/token"] = _ => Answer.Json($$"""{"token":"t{{Volatile.Read(ref valid)}}"}""");
        using RegistryClient client = Client();
        using IRangeSource ranges = Open(client, registry);

        bool before = await TakeAsync(ranges, (0, 100));
        Interlocked.Increment(ref valid);

        Assert.That((before, await TakeAsync(ranges, (100, 100))), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task A_server_without_ranges_says_so(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = _ => new Answer { Body = Layer.Bytes };
        using RegistryClient client = Client();
        using IRangeSource ranges = Open(client, registry);

        Assert.That(async () => await TakeAsync(ranges, (0, 100)), Throws.TypeOf<NoRangesException>().With.Message.Contains("no parts of layer"));
    }

    private static IEnumerable<TestCaseData> Faults()
    {
        static TestCaseData Case(string name, string text, Func<FakeRegistry.Request, Answer?> answer) => new TestCaseData(text, answer).SetName("Ranges_" + name);
        yield return Case("416", "416", _ => new Answer { Status = 416 });
        yield return Case("another_range", "it sends", r => Serve(r, "bytes 1-2/200000"));
        yield return Case("another_size", "it sends", r => Serve(r, "bytes 0-99/7"));
        yield return Case("no_range_said", "it sends", r => Serve(r, "bytes"));
        yield return Case("not_found", "404", _ => Answer.Error(404, "BLOB_UNKNOWN", "gone"));
        yield return Case("short", "sent", r => Serve(r) with { Body = [1, 2] });
        yield return Case("never_well", "503", _ => new Answer { Status = 503 });
        yield return Case("stalls", "sent nothing", r => Serve(r) with { StallAfter = 10 });
    }

    [TestCaseSource(nameof(Faults))]
    public async Task What_is_no_part_is_a_fault_and_another_place_is_asked(string text, Func<FakeRegistry.Request, Answer?> answer, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        await using var mirror = new FakeRegistry();
        registry.Special[TestBlob.Path] = Serve;
        mirror.Special[TestBlob.Path] = answer;
        using RegistryClient client = Client(new RegistryMirror(registry.Host, $"http://{mirror.Host}"));
        using IRangeSource both = Open(client, registry);
        using IRangeSource alone = Open(client, mirror);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await TakeAsync(both, (0, 100)), Is.True);
            Assert.That(async () => await TakeAsync(alone, (0, 100)), Throws.TypeOf<GridWrapperException>().With.Message.Contains(text));
        }
    }

    [Test]
    public async Task A_place_that_lied_is_not_asked_again(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        await using var mirror = new FakeRegistry();
        registry.Special[TestBlob.Path] = Serve;
        mirror.Special[TestBlob.Path] = r => Serve(r) with { Body = new byte[Serve(r).Body.Length] };
        using RegistryClient client = Client(new RegistryMirror(registry.Host, $"http://{mirror.Host}"));
        using IRangeSource ranges = Open(client, registry);

        string place = await ranges.FillAsync(new byte[100], 0, ct);
        bool other = ranges.PassOver(place);
        bool right = await TakeAsync(ranges, (0, 100), (200, 100));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((place, other, right), Is.EqualTo((mirror.Host, true, true)));
            Assert.That(mirror.Requests, Has.Count.EqualTo(1));
            Assert.That(ranges.PassOver(registry.Host), Is.False);
        }
    }

    private static IRangeSource Open(RegistryClient client, FakeRegistry registry) => client.OpenRanges(new ImageReference.InRegistry(registry.Host, "team/image", "1", null), Layer.Described);

    private static RegistryClient Client(params RegistryMirror[] mirrors)
    {
        var factory = new RegistryClientFactory(TimeProvider.System, new Random(1)) { Environment = _ => null, FirstRetryDelay = TimeSpan.FromMilliseconds(1) };
        return factory.Create(new SiteProfile { Name = "test", Registries = new RegistryPolicy { StallSeconds = 1, Mirrors = [.. mirrors] } });
    }

    private static async Task<bool> TakeAsync(IRangeSource ranges, params (int From, int Length)[] parts)
    {
        bool right = true;
        foreach ((int from, int length) in parts)
        {
            byte[] got = new byte[length];
            await ranges.FillAsync(got, from, CancellationToken.None);
            right &= got.AsSpan().SequenceEqual(Layer.Bytes.AsSpan(from, length));
        }

        return right;
    }

    private static (int From, int To) Range(FakeRegistry.Request request)
    {
        string[] ends = request.Headers["Range"]["bytes=".Length..].Split('-');
        return (int.Parse(ends[0], CultureInfo.InvariantCulture), int.Parse(ends[1], CultureInfo.InvariantCulture));
    }

    private static Answer Serve(FakeRegistry.Request request) => Serve(request, $"bytes {Range(request).From}-{Range(request).To}/{Layer.Bytes.Length}");

    private static Answer Serve(FakeRegistry.Request request, string said)
    {
        (int from, int to) = Range(request);
        return new Answer { Status = 206, Body = Layer.Bytes[from..(to + 1)], Headers = { ["Content-Range"] = said } };
    }
}
