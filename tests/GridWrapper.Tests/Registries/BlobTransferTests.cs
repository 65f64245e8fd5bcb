using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Registries;
using GridWrapper.Sites;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

/// <summary>One blob from a server that does not send it as it should.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class BlobTransferTests
{
    private static readonly TestBlob Layer = new(1_000_000, seed: 4);
    private static readonly byte[] Blob = Layer.Bytes;

    /// <summary>How a server that broke off answers when the rest is asked for.</summary>
    internal enum Ranges
    {
        Known,
        Ignored,
    }

    private static IEnumerable<TestCaseData> Breaks()
    {
        foreach (Ranges ranges in (Ranges[])[Ranges.Known, Ranges.Ignored])
        {
            yield return new TestCaseData(ranges, new[] { 10, 20, 30, 40, 50, 60, 70, 80, 90 }).SetName($"Broken_at_every_tenth_ranges_{ranges}");
        }
    }

    [TestCaseSource(nameof(Breaks))]
    public async Task A_broken_transfer_goes_on_where_it_broke_off(Ranges ranges, int[] percents, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        var breaks = new Queue<int>(percents.Select(percent => (int)((long)Blob.Length * percent / 100)));
        registry.Special[TestBlob.Path] = request =>
        {
            int from = ranges == Ranges.Known ? From(request) : 0;
            int until = breaks.TryDequeue(out int next) ? next : Blob.Length;
            return Piece(from, until, ranges == Ranges.Known);
        };

        (byte[] got, long fetched) = await ReadAsync(registry, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(got.AsSpan().SequenceEqual(Blob), Is.True);
            Assert.That(registry.CountOf(TestBlob.Path), Is.EqualTo(percents.Length + 1));
            Assert.That(fetched, ranges == Ranges.Known ? Is.EqualTo(Blob.Length) : Is.GreaterThan(Blob.Length));
        }
    }

    [Test]
    public async Task A_token_that_expires_meanwhile_is_renewed(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        int tokens = 0;
        registry.Special["/token"] = _ => Answer.Json($$"""{"token":"t{{++tokens}}"}""");
        registry.Special[TestBlob.Path] = request => (request.Authorization, From(request)) switch
        {
            ("Bearer t1", 0) => Piece(0, Blob.Length / 2, partial: true),
            ("Bearer t2", > 0) => Piece(From(request), Blob.Length, partial: true),
            _ => Answer.Challenge($"Bearer realm=\"http://{registry.Host}/token\",service=\"svc\""),
        };

        (byte[] got, _) = await ReadAsync(registry, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(got.AsSpan().SequenceEqual(Blob), Is.True);
            Assert.That(tokens, Is.EqualTo(2));
        }
    }

    private static IEnumerable<TestCaseData> Faults()
    {
        static TestCaseData Case(string name, string text, Func<FakeRegistry.Request, Answer?> answer) => new TestCaseData(text, answer).SetName("Transfer_" + name);
        yield return Case("wrong_piece_after_a_break", "wrong bytes", r => From(r) == 0 ? Piece(0, 100_000, partial: true) : Other(From(r)));
        yield return Case("another_range_than_asked_for", "asked for the bytes", r => From(r) == 0 ? Piece(0, 100_000, partial: true) : Piece(From(r) + 1, Blob.Length, partial: true));
        yield return Case("shorter_when_asked_again", "as far as it did before", r => From(r) == 0 ? Piece(0, 100_000, partial: true) : new Answer { Body = Blob[..50_000], Length = -1 });
        yield return Case("a_break_that_comes_again", "broke 5 times", r => Piece(From(r), Math.Max(100_000, From(r)), partial: true));
        yield return Case("429_storm", "429", _ => new Answer { Status = 429, Headers = { ["Retry-After"] = "0" } });
        yield return Case("503_storm", "503", _ => new Answer { Status = 503 });
        yield return Case("redirect_loop", "redirected more than", r => Answer.Redirect(r.Path));
        yield return Case("unauthorised_for_ever", "refuses access", _ => Answer.Challenge("Basic realm=\"x\""));
    }

    [TestCaseSource(nameof(Faults))]
    public async Task A_transfer_that_cannot_end_well_ends(string text, Func<FakeRegistry.Request, Answer?> answer, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = answer;

        Assert.That(() => ReadAsync(registry, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains(text).And.Message.Contains(Layer.Described.Digest.ToString()));
    }

    [Test]
    public async Task A_server_that_dribbles_is_given_up(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = request => Piece(From(request), Blob.Length, partial: true) with { DribbleAfter = 10 };

        Assert.That(() => ReadAsync(registry, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("sent only"));
    }

    [Test]
    public async Task Mirrors_are_asked_first_and_their_registry_where_they_fail(CancellationToken ct)
    {
        await using var origin = new FakeRegistry();
        await using var empty = new FakeRegistry();
        await using var broken = new FakeRegistry();
        await using var mirror = new FakeRegistry();
        origin.Special[TestBlob.Path] = _ => Piece(0, Blob.Length, partial: false);
        mirror.Special[TestBlob.Path] = _ => Piece(0, Blob.Length, partial: false);
        broken.Special[TestBlob.Path] = _ => new Answer { Status = 403 };

        await ReadAsync(origin, ct, empty, broken, mirror);
        await ReadAsync(origin, ct, empty, broken);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(empty.CountOf(TestBlob.Path), Is.EqualTo(2));
            Assert.That(broken.CountOf(TestBlob.Path), Is.EqualTo(2));
            Assert.That(mirror.CountOf(TestBlob.Path), Is.EqualTo(1));
            Assert.That(origin.CountOf(TestBlob.Path), Is.EqualTo(1));
        }
    }

    /// <summary>As a project of Harbor that caches another registry is asked: with its name before the repository, in the path and in the scope of the token.</summary>
    [Test]
    public async Task A_mirror_that_is_a_project_is_asked_below_its_name(CancellationToken ct)
    {
        await using var origin = new FakeRegistry();
        await using var harbor = new FakeRegistry();
        harbor.Special["/token"] = _ => Answer.Json("""{"token":"t","access_token":""}""");
        harbor.Special["/v2/proxy/hub/team/image/blobs/"] = r => r.Authorization == "Bearer t" ? Piece(0, Blob.Length, partial: false) : Answer.Challenge($"Bearer realm=\"http://{harbor.Host}/token\",service=\"harbor-registry\"");
        var policy = new RegistryPolicy { Mirrors = [new RegistryMirror(origin.Host, $"http://{harbor.Host}/proxy/hub")] };
        using RegistryClient client = TestImage.Clients().Create(new SiteProfile { Name = "test", Registries = policy });

        byte[] all = await Layer.ReadAsync(client, origin, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(all.AsSpan().SequenceEqual(Blob), Is.True);
            Assert.That(origin.Requests, Is.Empty);
            Assert.That(harbor.Requests.Select(r => r.Path), Has.Some.Contains("scope=repository%3Aproxy%2Fhub%2Fteam%2Fimage%3Apull"));
        }
    }

    /// <summary>What a server says of itself is no matter of digits in its words: a digest may hold 404, too.</summary>
    [TestCase(404, "", 2)]
    [TestCase(410, "sha256:404", 1)]
    public async Task A_mirror_that_only_lacks_something_is_asked_again(int status, string words, int times, CancellationToken ct)
    {
        await using var origin = new FakeRegistry();
        await using var mirror = new FakeRegistry();
        origin.Special[TestBlob.Path] = _ => Piece(0, Blob.Length, partial: false);
        mirror.Special[TestBlob.Path] = _ => Answer.Json($$"""{"errors":[{"code":"GONE","message":"{{words}}"}]}""") with { Status = status };
        var policy = new RegistryPolicy { Mirrors = [new RegistryMirror(origin.Host, $"http://{mirror.Host}")] };
        using RegistryClient client = TestImage.Clients().Create(new SiteProfile { Name = "test", Registries = policy });
        for (int i = 0; i < 2; i++)
        {
            await using Stream stream = await client.OpenBlobAsync(new ImageReference.InRegistry(origin.Host, "team/image", "1", null), Layer.Described, ct);
        }

        Assert.That(mirror.CountOf(TestBlob.Path), Is.EqualTo(times));
    }

    private static async Task<(byte[] Bytes, long Fetched)> ReadAsync(FakeRegistry registry, CancellationToken ct, params FakeRegistry[] mirrors)
    {
        var policy = new RegistryPolicy
        {
            StallSeconds = 0.4,
            Mirrors = [.. mirrors.Select(mirror => new RegistryMirror(registry.Host, $"http://{mirror.Host}"))],
        };
        var factory = new RegistryClientFactory(TimeProvider.System, new Random(1)) { Environment = _ => null, FirstRetryDelay = TimeSpan.FromMilliseconds(1) };
        using RegistryClient client = factory.Create(new SiteProfile { Name = "test", Registries = policy });
        return (await Layer.ReadAsync(client, registry, ct), client.Counter.Bytes);
    }

    private static int From(FakeRegistry.Request request) =>
        request.Headers.TryGetValue("Range", out string? range) ? int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture) : 0;

    /// <summary>Announces everything from a byte on, and sends only up to another.</summary>
    private static Answer Piece(int from, int until, bool partial) => new()
    {
        Status = partial && from > 0 ? 206 : 200,
        Body = Blob[from..Math.Max(from, until)],
        Length = Blob.Length - from,
        Headers = { ["Content-Range"] = $"bytes {from}-{Blob.Length - 1}/{Blob.Length}" },
    };

    private static Answer Other(int from) => Piece(from, Blob.Length, partial: true) with { Body = new byte[Blob.Length - from] };
}
