using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Registries;
using GridWrapper.Sites;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

/// <summary>Layers that their image says are kept outside of its registry.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class ForeignLayerTests
{
    private static readonly TestBlob Layer = new(200_000, seed: 11);

    [Test]
    public async Task It_comes_from_its_address_past_registry_and_mirrors_and_without_the_registrys_credentials(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        await using var vendor = new FakeRegistry();
        vendor.Special["/files/layer"] = _ => Body(Layer.Bytes);
        var policy = new RegistryPolicy { ForeignLayers = [vendor.Host], Mirrors = [new RegistryMirror(vendor.Host, $"http://{registry.Host}")] };

        byte[] got = await ReadAsync(registry, policy, ct, "https://elsewhere.example.org/layer", $"http://{vendor.Host}/files/layer?part=1");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(got.AsSpan().SequenceEqual(Layer.Bytes), Is.True);
            Assert.That(registry.Requests, Is.Empty);
            Assert.That(vendor.Requests.Select(r => (r.Path, r.Authorization)), Is.EqualTo(new[] { ("/files/layer?part=1", (string?)null) }));
        }
    }

    [Test]
    public async Task One_that_is_said_to_be_nowhere_else_is_the_registrys(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        registry.Special[TestBlob.Path] = _ => Body(Layer.Bytes);
        Assert.That((await ReadAsync(registry, new RegistryPolicy(), ct)).AsSpan().SequenceEqual(Layer.Bytes), Is.True);
    }

    [Test]
    public async Task Other_bytes_than_the_image_names_are_refused(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        await using var vendor = new FakeRegistry();
        vendor.Special["/files/layer"] = _ => Body(new byte[Layer.Bytes.Length]);

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => ReadAsync(registry, new RegistryPolicy { ForeignLayers = [vendor.Host] }, ct, $"http://{vendor.Host}/files/layer"))!;

        Assert.That((fault.Failure.Blame, fault.Failure.Step), Is.EqualTo((Blame.Registry, "verify-digest")));
    }

    [TestCase("https://layers.example.org/a", true)]
    [TestCase("https://LAYERS.example.org/a", true)]
    [TestCase("http://layers.example.org/a", false, Description = "not encrypted")]
    [TestCase("https://layers.example.org:8443/a", false)]
    [TestCase("https://layers.example.org.evil.example/a", false)]
    [TestCase("https://layers.example.org@evil.example/a", false)]
    [TestCase("ftp://layers.example.org/a", false)]
    [TestCase("layers.example.org/a", false)]
    [TestCase("http://plain.example.org:5000/a", true)]
    public void Only_what_the_site_names_is_asked(string url, bool allowed)
    {
        var policy = new RegistryPolicy { ForeignLayers = ["layers.example.org", "plain.example.org:5000"], PlainHttp = ["plain.example.org:5000"] };
        Assert.That(ForeignLayer.Place(Foreign(url), policy) is not null, Is.EqualTo(allowed));
    }

    [Test]
    public void A_layer_of_an_ordinary_type_is_the_registrys_whatever_addresses_it_has() =>
        Assert.That(ForeignLayer.Place(Layer.Described with { Urls = ["https://layers.example.org/a"] }, new RegistryPolicy { ForeignLayers = ["layers.example.org"] }), Is.Null);

    private static Descriptor Foreign(params string[] urls) => Layer.Described with { MediaType = MediaTypes.OciForeignLayerGzip, Urls = [.. urls] };

    private static Answer Body(byte[] bytes) => new() { Status = 200, Body = bytes, Length = bytes.Length };

    private static async Task<byte[]> ReadAsync(FakeRegistry registry, RegistryPolicy policy, CancellationToken ct, params string[] urls)
    {
        using RegistryClient client = TestImage.Clients().Create(new SiteProfile { Name = "test", Registries = policy });
        await using Stream stream = await client.OpenBlobAsync(new ImageReference.InRegistry(registry.Host, "team/image", "1", null), Foreign(urls), ct);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, 20_000, ct);
        return all.ToArray();
    }
}
