using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using GridWrapper.Images;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(30_000)]
public class LoopbackRegistryTests
{
    private readonly HttpClient _client = new();

    [TearDown]
    public void DisposeClient() => _client.Dispose();

    [TestCase(ManifestForm.Oci, MiniatureImage.OciManifestType)]
    [TestCase(ManifestForm.Docker, MiniatureImage.DockerManifestType)]
    [TestCase(ManifestForm.Index, MiniatureImage.OciIndexType)]
    public async Task An_image_is_pulled_by_tag_then_by_digest(object form, string mediaType, CancellationToken ct)
    {
        MiniatureImage image = await Miniature.ImageAsync();
        using LoopbackRegistry registry = Start();
        registry.Add(image, "group/miniature", "1.0", (ManifestForm)form);

        using HttpResponseMessage response = await _client.GetAsync(Manifest(registry, "1.0"), ct);
        byte[] body = await response.Content.ReadAsByteArrayAsync(ct);
        string digest = response.Headers.GetValues("Docker-Content-Digest").Single();
        JObject manifest = JObject.Parse(Encoding.UTF8.GetString(body));
        if (manifest["manifests"] is { } entries)
        {
            manifest = JObject.Parse(await _client.GetStringAsync(Manifest(registry, (string)entries[1]!["digest"]!), ct));
        }

        byte[] config = await _client.GetByteArrayAsync(Blob(registry, (string)manifest["config"]!["digest"]!), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo(mediaType));
            Assert.That(digest, Is.EqualTo(Digest.Of(body).ToString()));
            Assert.That(await _client.GetByteArrayAsync(Manifest(registry, digest), ct), Is.EqualTo(body));
            Assert.That(Digest.Of(config), Is.EqualTo(image.Config.Digest));
            foreach (JToken layer in manifest["layers"]!)
            {
                Assert.That(Digest.Of(await _client.GetByteArrayAsync(Blob(registry, (string)layer["digest"]!), ct)).ToString(), Is.EqualTo((string?)layer["digest"]));
            }

            Assert.That(registry.BlobFetches, Is.EqualTo(4));
        }
    }

    [Test]
    public async Task Head_states_size_and_digest_without_a_body(CancellationToken ct)
    {
        MiniatureImage image = await Miniature.ImageAsync();
        using LoopbackRegistry registry = Start();
        registry.Add(image, "group/miniature", "1.0", ManifestForm.Oci);

        using HttpRequestMessage request = new(HttpMethod.Head, Manifest(registry, "1.0"));
        using HttpResponseMessage response = await _client.SendAsync(request, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(response.Content.Headers.ContentLength, Is.EqualTo(image.OciManifest.Content.Length));
            Assert.That(response.Headers.GetValues("Docker-Content-Digest"), Is.EqualTo([image.OciManifest.Digest.ToString()]));
            Assert.That(registry.Requests.Single(), Is.EqualTo(new RegistryRequest("HEAD", "/v2/group/miniature/manifests/1.0", 200, 0)));
        }
    }

    [TestCase("bytes=10-19", 206, 10, 10)]
    [TestCase("bytes=10-", 206, 10, -1)]
    [TestCase("bytes=-5", 206, -5, 5)]
    [TestCase("bytes=0-999999999", 206, 0, -1)]
    [TestCase("bytes=999999999-", 416, 0, 0)]
    [TestCase("bytes=5-2", 416, 0, 0)]
    [TestCase("lines=1-2", 416, 0, 0)]
    public async Task Ranges_of_blobs_are_served(string range, int status, int from, int length, CancellationToken ct)
    {
        MiniatureImage image = await Miniature.ImageAsync();
        byte[] whole = image.Layers[1].Blob.ToArray();
        using LoopbackRegistry registry = Start();
        registry.Add(image, "group/miniature", "1.0", ManifestForm.Oci);
        using HttpRequestMessage request = new(HttpMethod.Get, Blob(registry, image.Layers[1].Digest.ToString()));
        request.Headers.TryAddWithoutValidation("Range", range);

        using HttpResponseMessage response = await _client.SendAsync(request, ct);

        Assert.That((int)response.StatusCode, Is.EqualTo(status));
        if (status == 206)
        {
            int first = from < 0 ? whole.Length + from : from;
            byte[] expected = whole[first..(length < 0 ? whole.Length : first + length)];
            Assert.That(await response.Content.ReadAsByteArrayAsync(ct), Is.EqualTo(expected));
            Assert.That(response.Content.Headers.ContentRange!.ToString(), Is.EqualTo($"bytes {first}-{first + expected.Length - 1}/{whole.Length}"));
        }
        else
        {
            Assert.That(response.Content.Headers.ContentRange!.ToString(), Is.EqualTo($"bytes */{whole.Length}"));
        }
    }

    [TestCase("/v2/group/miniature/manifests/2.0", 404, "MANIFEST_UNKNOWN")]
    [TestCase("/v2/group/other/manifests/1.0", 404, "NAME_UNKNOWN")]
    [TestCase("/v2/group/other/tags/list", 404, "NAME_UNKNOWN")]
    [TestCase("/v2/group/miniature/blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000", 404, "BLOB_UNKNOWN")]
    [TestCase("/v2/group/miniature/blobs/md5:00", 400, "DIGEST_INVALID")]
    [TestCase("/v1/search", 404, "UNSUPPORTED")]
    public async Task What_is_not_there_is_said_with_its_code(string path, int status, string code, CancellationToken ct)
    {
        using LoopbackRegistry registry = Start();
        registry.Add(await Miniature.ImageAsync(), "group/miniature", "1.0", ManifestForm.Oci);

        using HttpResponseMessage response = await _client.GetAsync(new Uri($"http://{registry.Address}{path}"), ct);

        Assert.That((int)response.StatusCode, Is.EqualTo(status));
        Assert.That((string?)JObject.Parse(await response.Content.ReadAsStringAsync(ct))["errors"]![0]!["code"], Is.EqualTo(code));
    }

    [Test]
    public async Task A_manifest_that_the_client_does_not_accept_is_not_served(CancellationToken ct)
    {
        using LoopbackRegistry registry = Start();
        registry.Add(await Miniature.ImageAsync(), "group/miniature", "1.0", ManifestForm.Oci);
        _client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue(MiniatureImage.DockerManifestType));
        _client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue(MiniatureImage.OciIndexType));

        using HttpResponseMessage response = await _client.GetAsync(Manifest(registry, "1.0"), ct);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Version_check_and_tag_list_answer(CancellationToken ct)
    {
        using LoopbackRegistry registry = Start();
        registry.Add(await Miniature.ImageAsync(), "group/miniature", "1.0", ManifestForm.Index);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await _client.GetStringAsync(new Uri($"http://{registry.Address}/v2/"), ct), Is.EqualTo("{}"));
            Assert.That(
                await _client.GetStringAsync(new Uri($"http://{registry.Address}/v2/group/miniature/tags/list"), ct),
                Is.EqualTo("""{"name":"group/miniature","tags":["1.0"]}"""));
        }
    }

    [Test]
    public async Task Basic_authentication_is_asked_for_and_taken(CancellationToken ct)
    {
        using LoopbackRegistry registry = Start(new RegistryAccess.Basic("user", "pass:word"));
        registry.Add(await Miniature.ImageAsync(), "group/miniature", "1.0", ManifestForm.Oci);

        using HttpResponseMessage refused = await _client.GetAsync(Manifest(registry, "1.0"), ct);
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("user:pass:word"u8));
        using HttpResponseMessage served = await _client.GetAsync(Manifest(registry, "1.0"), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(refused.Headers.WwwAuthenticate.Single().ToString(), Is.EqualTo("Basic realm=\"loopback\""));
            Assert.That(served.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }
    }

    [TestCase(null)]
    [TestCase("user")]
    public async Task Bearer_tokens_are_given_out_and_taken(string? user, CancellationToken ct)
    {
        using LoopbackRegistry registry = Start(new RegistryAccess.Bearer("t0ken", user, user is null ? null : "secret"));
        registry.Add(await Miniature.ImageAsync(), "group/miniature", "1.0", ManifestForm.Oci);

        using HttpResponseMessage refused = await _client.GetAsync(Manifest(registry, "1.0"), ct);
        string challenge = refused.Headers.WwwAuthenticate.Single().ToString();
        using HttpRequestMessage ask = new(HttpMethod.Get, $"http://{registry.Address}/token?service=loopback&scope=repository:group/miniature:pull");
        ask.Headers.Authorization = user is null ? null : new AuthenticationHeaderValue("Basic", Convert.ToBase64String("user:secret"u8));
        using HttpResponseMessage answer = await _client.SendAsync(ask, ct);
        string token = (string)JObject.Parse(await answer.Content.ReadAsStringAsync(ct))["token"]!;
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage served = await _client.GetAsync(Manifest(registry, "1.0"), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(challenge, Is.EqualTo($"Bearer realm=\"http://{registry.Address}/token\",service=\"loopback\",scope=\"repository:group/miniature:pull\""));
            Assert.That(served.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }
    }

    [Test]
    public async Task A_token_is_refused_to_a_stranger(CancellationToken ct)
    {
        using LoopbackRegistry registry = Start(new RegistryAccess.Bearer("t0ken", "user", "secret"));

        using HttpResponseMessage answer = await _client.GetAsync(new Uri($"http://{registry.Address}/token"), ct);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [TestCase(RegistryFaultKind.Unavailable, 503)]
    [TestCase(RegistryFaultKind.TooManyRequests, 429)]
    public async Task A_refusal_lasts_as_often_as_asked(object kind, int status, CancellationToken ct)
    {
        using LoopbackRegistry registry = Start();
        registry.Add(await Miniature.ImageAsync(), "group/miniature", "1.0", ManifestForm.Oci);
        registry.Inject(new RegistryFault((RegistryFaultKind)kind, RegistryTarget.Manifests, 2));

        List<int> answers = [];
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage response = await _client.GetAsync(Manifest(registry, "1.0"), ct);
            answers.Add((int)response.StatusCode);
        }

        Assert.That(answers, Is.EqualTo([status, status, 200]));
    }

    [Test]
    public async Task Wrong_content_has_the_right_length_but_not_the_digest(CancellationToken ct)
    {
        MiniatureImage image = await Miniature.ImageAsync();
        using LoopbackRegistry registry = Start();
        registry.Add(image, "group/miniature", "1.0", ManifestForm.Oci);
        registry.Inject(new RegistryFault(RegistryFaultKind.WrongContent, RegistryTarget.Blobs, 1));

        byte[] wrong = await _client.GetByteArrayAsync(Blob(registry, image.Config.Digest.ToString()), ct);
        byte[] right = await _client.GetByteArrayAsync(Blob(registry, image.Config.Digest.ToString()), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(wrong, Has.Length.EqualTo(right.Length));
            Assert.That(Digest.Of(wrong), Is.Not.EqualTo(image.Config.Digest));
            Assert.That(Digest.Of(right), Is.EqualTo(image.Config.Digest));
        }
    }

    [Test]
    public async Task A_truncated_blob_ends_early(CancellationToken ct)
    {
        MiniatureImage image = await Miniature.ImageAsync();
        using LoopbackRegistry registry = Start();
        registry.Add(image, "group/miniature", "1.0", ManifestForm.Oci);
        registry.Inject(new RegistryFault(RegistryFaultKind.Truncated, RegistryTarget.Blobs, 1));

        Assert.That(
            async () => await _client.GetByteArrayAsync(Blob(registry, image.Layers[0].Digest.ToString()), ct),
            Throws.InstanceOf<HttpRequestException>().Or.InstanceOf<IOException>());
    }

    [Test]
    public async Task A_stalled_blob_gives_half_and_then_nothing(CancellationToken ct)
    {
        MiniatureImage image = await Miniature.ImageAsync();
        using LoopbackRegistry registry = Start();
        registry.Add(image, "group/miniature", "1.0", ManifestForm.Oci);
        registry.Inject(new RegistryFault(RegistryFaultKind.Stall, RegistryTarget.Blobs, int.MaxValue));
        using HttpResponseMessage response = await _client.GetAsync(Blob(registry, image.Config.Digest.ToString()), HttpCompletionOption.ResponseHeadersRead, ct);
        await using Stream stream = await response.Content.ReadAsStreamAsync(ct);
        byte[] buffer = new byte[image.Config.Content.Length];
        int half = await stream.ReadAtLeastAsync(buffer, buffer.Length / 2, throwOnEndOfStream: true, ct);

        using CancellationTokenSource soon = CancellationTokenSource.CreateLinkedTokenSource(ct);
        soon.CancelAfter(TimeSpan.FromMilliseconds(200));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(half, Is.EqualTo(buffer.Length / 2));
            Assert.That(async () => await stream.ReadAsync(buffer, soon.Token), Throws.InstanceOf<OperationCanceledException>());
        }
    }

    [Test]
    public async Task After_dispose_nobody_answers(CancellationToken ct)
    {
        LoopbackRegistry registry = Start();
        Uri address = new($"http://{registry.Address}/v2/");
        await _client.GetStringAsync(address, ct);
        registry.Dispose();

        Assert.That(async () => await _client.GetStringAsync(address, ct), Throws.InstanceOf<HttpRequestException>());
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Skopeo_pulls_this_nodes_image_out_of_the_index(CancellationToken ct)
    {
        string skopeo = ToolRun.FindOrSkip("skopeo");
        MiniatureImage image = await Miniature.ImageAsync();
        using LoopbackRegistry registry = Start(new RegistryAccess.Bearer("t0ken", null, null));
        ImageReference reference = registry.Add(image, "group/miniature", "1.0", ManifestForm.Index);
        string scratch = Miniature.Scratch();

        ToolRun copy = await ToolRun.RunAsync(skopeo, scratch, "--insecure-policy", "copy", "--src-tls-verify=false", reference.ToString()!, $"dir:{scratch}/copied");

        Assert.That(copy.ExitCode, Is.Zero, copy.Errors);
        Assert.That(await File.ReadAllBytesAsync(Path.Combine(scratch, "copied/manifest.json"), ct), Is.EqualTo(image.OciManifest.Content.ToArray()));
        Miniature.Remove(scratch);
    }

    private static LoopbackRegistry Start(RegistryAccess? access = null) => LoopbackRegistry.Start(access ?? new RegistryAccess.Open(), new Random());

    private static Uri Manifest(LoopbackRegistry registry, string reference) => new($"http://{registry.Address}/v2/group/miniature/manifests/{reference}");

    private static Uri Blob(LoopbackRegistry registry, string digest) => new($"http://{registry.Address}/v2/group/miniature/blobs/{digest}");
}
