using System.Diagnostics;
using GridWrapper.Diagnostics;
using GridWrapper.Registries;
using GridWrapper.Sites;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class RegistryTransportTests
{
    private static readonly RegistryRequest Request = new()
    {
        Endpoint = RegistryEndpoint.For("registry.example.org", new RegistryPolicy()),
        Repository = "a",
        Path = "v2/a/blobs/x",
        What = "a blob",
        Phase = Phase.Materialise,
    };

    [TestCase("https://registry.example.org/v2/a", "https://storage.example.org/x", "https://storage.example.org/x")]
    [TestCase("https://registry.example.org/v2/a", "/other", "https://registry.example.org/other")]
    [TestCase("https://registry.example.org/v2/a", "http://127.0.0.1:80/x", "http://127.0.0.1/x")]
    [TestCase("http://127.0.0.1:5000/v2/a", "http://storage.example.org/x", "http://storage.example.org/x")]
    public void Redirects_are_followed(string from, string location, string expected) =>
        Assert.That(RegistryTransport.Next(Request, new Uri(from), new Uri(location, UriKind.RelativeOrAbsolute)).ToString(), Is.EqualTo(expected));

    [TestCase("http://storage.example.org/x?secret", "not encrypted")]
    [TestCase("file:///etc/passwd", "no web address")]
    [TestCase("ftp://storage.example.org/x", "no web address")]
    public void Redirects_are_refused(string location, string reason) => Assert.That(
        () => RegistryTransport.Next(Request, new Uri("https://registry.example.org/v2/a"), new Uri(location)),
        Throws.TypeOf<GridWrapperException>().With.Message.Contains(reason).And.Message.Not.Contains("secret"));

    [Test]
    public async Task A_server_that_says_when_to_come_back_is_obeyed(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        int asked = 0;
        registry.Special["/v2/"] = _ => asked++ == 0 ? new Answer { Status = 429, Headers = { ["Retry-After"] = "1" } } : null;
        long start = Stopwatch.GetTimestamp();

        await TestImage.ResolveAsync(registry, ct);

        Assert.That(Stopwatch.GetElapsedTime(start), Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(1)));
    }

    [Test]
    public async Task Giving_up_while_a_server_stalls_is_prompt(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special["/v2/"] = _ => new Answer { Body = new byte[100], StallAfter = 1 };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        stop.CancelAfter(200);

        Assert.That(() => TestImage.ResolveAsync(registry, stop.Token), Throws.InstanceOf<OperationCanceledException>());
    }
}
