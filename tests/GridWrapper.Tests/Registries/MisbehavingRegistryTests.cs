using System.Net;
using System.Net.Sockets;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Registries;
using GridWrapper.Sites;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

/// <summary>What a registry, or something that took its place, can do wrong with a whole blob, with redirects and with time.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class MisbehavingRegistryTests
{
    private const string User = "dXNlcjpwYXNz"; // user:pass

    private static readonly TestBlob Layer = new(300_000, seed: 6);
    private static readonly byte[] Blob = Layer.Bytes;

    private static IEnumerable<TestCaseData> WrongBytes()
    {
        static TestCaseData Case(string name, byte[] body, int? length = null) => new TestCaseData(body, length).SetName($"Wrong_bytes({name})");
        byte[] turned = [.. Blob];
        turned[^1] ^= 1;
        yield return Case("one bit turned", turned);
        yield return Case("one bit turned, length unknown", turned, -1);
        yield return Case("one byte more", [.. Blob, 0]);
        yield return Case("one byte more, length unknown", [.. Blob, 0], -1);
        yield return Case("garbage behind it, length unknown", [.. Blob, .. Blob], -1);
        yield return Case("one byte less", Blob[..^1]);
        yield return Case("nothing", []);
        yield return Case("an error page", "<html>oops</html>"u8.ToArray());
    }

    [TestCaseSource(nameof(WrongBytes))]
    public async Task Wrong_bytes_are_the_registrys_fault_and_are_told_by_their_digest(byte[] body, int? length, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = _ => new Answer { Body = body, Length = length };

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => ReadAsync(registry, ct))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(Blame.Registry));
            Assert.That(fault.Message, Does.Contain("wrong bytes").And.Contain(Layer.Described.Digest.ToString()));
        }
    }

    [TestCase("")]
    [TestCase("HTTP/1.1 200 OK\r\nX-Slow: ")]
    public async Task A_head_that_never_ends_is_given_up(string beginning, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var port = new TaskCompletionSource<int>();
        Task serving = DribbleAsync(port, beginning, stop.Token);
        var image = new ImageReference.InRegistry($"127.0.0.1:{await port.Task}", "team/image", "1", null);
        using RegistryClient client = TestImage.Clients().Create(new SiteProfile { Name = "test", Registries = new RegistryPolicy { StallSeconds = 0.2 } });

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => client.GetManifestAsync(image, ct))!;
        await stop.CancelAsync();
        await serving;

        Assert.That(fault.Failure, Has.Property("Blame").EqualTo(Blame.Registry).And.Property("Retryable").True.And.Property("Message").Contains("did not answer within 0.2 s"));
    }

    [Test]
    public async Task A_storm_in_the_middle_of_a_blob_is_sat_out(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        int asked = 0;
        registry.Special[TestBlob.Path] = _ => asked++ switch
        {
            0 => new Answer { Body = Blob[..100_000], Length = Blob.Length },
            1 or 2 => new Answer { Status = 429, Headers = { ["Retry-After"] = "1" } },
            3 => Answer.Error(503, "UNAVAILABLE", "busy"),
            _ => new Answer { Status = 206, Body = Blob[100_000..], Headers = { ["Content-Range"] = $"bytes 100000-{Blob.Length - 1}/{Blob.Length}" } },
        };

        byte[] got = await ReadAsync(registry, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(got.AsSpan().SequenceEqual(Blob), Is.True);
            Assert.That(registry.Requests.Skip(1).Select(r => r.Headers["Range"]), Is.All.EqualTo("bytes=100000-"));
        }
    }

    /// <summary>Another port of the same machine is another server.</summary>
    [Test]
    public async Task Credentials_stay_with_the_registry_however_it_redirects(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        await using var other = new FakeRegistry();
        registry.Special["/v2/"] = r => r.Authorization is null ? Answer.Challenge("Basic realm=\"x\"") : Answer.Redirect($"http://{other.Host}/there?sig=1");
        registry.Special["/back"] = r => r.Authorization == "Basic " + User ? new Answer { Body = Blob } : new Answer { Status = 403 };
        other.Special["/there"] = _ => Answer.Redirect($"http://{registry.Host}/back", 302);

        byte[] got = await ReadAsync(registry, ct, $$$$"""{"auths":{"{{{{registry.Host}}}}":{"auth":"{{{{User}}}}"}}}""");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(got.AsSpan().SequenceEqual(Blob), Is.True);
            Assert.That(other.Requests.Select(r => r.Authorization), Is.EqualTo(new string?[] { null }));
        }
    }

    /// <summary>A store that asks for a password gets none: the challenge is not the registry's.</summary>
    [Test]
    public async Task A_challenge_of_another_host_is_not_answered(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        await using var other = new FakeRegistry();
        registry.Special["/v2/"] = r => r.Authorization is null ? Answer.Challenge("Basic realm=\"x\"") : Answer.Redirect($"http://{other.Host}/there");
        other.Special["/"] = _ => Answer.Challenge($"Bearer realm=\"http://{other.Host}/token\",service=\"evil\"");

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => ReadAsync(registry, ct, $$$$"""{"auths":{"{{{{registry.Host}}}}":{"auth":"{{{{User}}}}"}}}"""))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(other.Requests.Select(r => (r.Path, r.Authorization)), Is.All.EqualTo(("/there", (string?)null)));
            Assert.That(fault.Message, Does.Contain("401").And.Not.Contain(User));
        }
    }

    private static async Task<byte[]> ReadAsync(FakeRegistry registry, CancellationToken ct, string? config = null)
    {
        using RegistryClient client = TestImage.Clients(config).Create(TestImage.Site);
        return await Layer.ReadAsync(client, registry, ct);
    }

    /// <summary>Sends a byte now and then until it is stopped.</summary>
    private static async Task DribbleAsync(TaskCompletionSource<int> port, string beginning, CancellationToken ct)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        port.SetResult(((IPEndPoint)listener.LocalEndpoint).Port);
        List<Task> open = [];
        try
        {
            while (true)
            {
                open.Add(DribbleAsync(await listener.AcceptTcpClientAsync(ct), beginning, ct));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(open);
        }
    }

    private static async Task DribbleAsync(TcpClient client, string beginning, CancellationToken ct)
    {
        using (client)
        {
            try
            {
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(beginning), ct);
                while (true)
                {
                    await Task.Delay(20, ct);
                    await client.GetStream().WriteAsync(beginning.Length > 0 ? "x"u8.ToArray() : [], ct);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
            {
                TestContext.Progress.WriteLine($"dribbling ended: {e.GetType().Name}");
            }
        }
    }
}
