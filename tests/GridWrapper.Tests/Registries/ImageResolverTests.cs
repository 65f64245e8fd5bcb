using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Registries;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class ImageResolverTests
{
    [Test]
    public async Task A_tag_becomes_a_pinned_manifest_with_its_configuration(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);

        ResolvedImage resolved = await TestImage.ResolveAsync(registry, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(resolved.Manifest.Digest, Is.EqualTo(image.Digest));
            Assert.That(resolved.Config.Cmd, Is.EqualTo(new[] { "/bin/sh" }));
            Assert.That(resolved.Config.DiffIds, Has.Length.EqualTo(2));
            Assert.That(resolved.Requests, Is.EqualTo(2));
            Assert.That(resolved.BytesFetched, Is.EqualTo(image.Manifest.Length + image.Config.Length));
            Assert.That(registry.Requests.First().Headers["Accept"], Does.Contain(MediaTypes.OciIndex).And.Contain(MediaTypes.DockerManifest));
        }
    }

    [Test]
    public async Task An_index_leads_to_this_nodes_platform(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage wanted = TestImage.Small().PutInto(registry, "unused");
        TestImage other = new TestImage("arm64", [new byte[1024]]).PutInto(registry, "unused2");
        PutIndex(registry, ("arm64", other), ("amd64", wanted));

        ResolvedImage resolved = await TestImage.ResolveAsync(registry, ct);

        Assert.That(resolved.Manifest.Digest, Is.EqualTo(wanted.Digest));
    }

    private static IEnumerable<TestCaseData> Faults()
    {
        yield return Case("not_found", Blame.User, PilotError.ImageNotFound, "404", _ => Answer.Error(404, "MANIFEST_UNKNOWN", "no such tag"));
        yield return Case("forbidden", Blame.User, PilotError.ImageNotFound, "403 Forbidden: DENIED you may not", _ => Answer.Error(403, "DENIED", "you may not"));
        yield return Case("unauthorised_without_challenge", Blame.Registry, 0, "no challenge", _ => new Answer { Status = 401 });
        yield return Case("basic_without_credentials", Blame.User, PilotError.ImageNotFound, "credential", _ => Answer.Challenge("Basic realm=\"x\""));
        yield return Case("server_error", Blame.Registry, 0, "500", _ => Answer.Error(500, "UNKNOWN", "broken"));
        yield return Case("unavailable", Blame.Registry, 0, "503", _ => new Answer { Status = 503 });
        yield return Case("too_many_requests", Blame.Registry, 0, "429", _ => new Answer { Status = 429, Headers = { ["Retry-After"] = "0" } });
        yield return Case("teapot", Blame.Registry, 0, "418", _ => new Answer { Status = 418 });
        yield return Case("web_page", Blame.Registry, 0, "web page", _ => new Answer { Body = "<html>log in</html>"u8.ToArray(), Headers = { ["Content-Type"] = "text/html; charset=utf-8" } });
        yield return Case("web_page_called_json", Blame.Registry, 0, "web page", _ => new Answer { Body = "<html>log in</html>"u8.ToArray(), Headers = { ["Content-Type"] = "application/json" } });
        yield return Case("wrong_content_type", Blame.Image, 0, "calls", r => new Answer { Body = TestImage.Small().Manifest, Headers = { ["Content-Type"] = MediaTypes.DockerManifest } });
        yield return Case("truncated", Blame.Registry, 0, "broke off", _ => new Answer { Body = "{\"schemaV"u8.ToArray(), Length = 500 });
        yield return Case("too_long", Blame.Registry, 0, "longer than", _ => new Answer { Body = new byte[ManifestReader.MaxBytes + 1] });
        yield return Case("stalled", Blame.Registry, 0, "sent nothing", _ => new Answer { Body = TestImage.Small().Manifest, StallAfter = 10 });
        yield return Case("wrong_digest_header", Blame.Registry, 0, "states the digest", _ => new Answer { Body = TestImage.Small().Manifest, Headers = { ["Docker-Content-Digest"] = Digest.Of("x"u8).ToString(), ["Content-Type"] = MediaTypes.OciManifest } });
        yield return Case("redirect_loop", Blame.Registry, 0, "more than 5 times", r => Answer.Redirect(r.Path));
        yield return Case("redirect_to_nowhere", Blame.Registry, 0, "nowhere", _ => new Answer { Status = 302 });
        yield return Case("redirect_to_file", Blame.Registry, 0, "no web address", _ => Answer.Redirect("file:///etc/passwd"));
        yield return Case("configuration_missing", Blame.User, PilotError.ImageNotFound, "configuration", r => r.Path.Contains("/blobs/", StringComparison.Ordinal) ? Answer.Error(404, "BLOB_UNKNOWN", "gone") : null);
        yield return Case("configuration_wrong_bytes", Blame.Registry, 0, "wrong bytes", r => r.Path.Contains("/blobs/", StringComparison.Ordinal) ? new Answer { Body = new byte[TestImage.Small().Config.Length] } : null);
        yield return Case("configuration_wrong_length", Blame.Registry, 0, "promises", r => r.Path.Contains("/blobs/", StringComparison.Ordinal) ? new Answer { Body = "short"u8.ToArray() } : null);
    }

    [TestCaseSource(nameof(Faults))]
    public async Task A_fault_has_blame_and_says_what_came_back(Expectation expected, Func<FakeRegistry.Request, Answer?> answer, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        registry.Special["/v2/"] = answer;
        GridWrapper.Probing.NodeFacts node = TestImage.Node;
        var site = TestImage.Site with { Registries = TestImage.Site.Registries with { StallSeconds = 0.2 } };

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => new ImageResolver(TestImage.Clients()).ResolveAsync(TestImage.Reference(registry), site, node, ct))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(expected.Blame), fault.Message);
            Assert.That(fault.Message, Does.Contain(expected.Text));
            Assert.That(fault.Message, Does.Contain(registry.Host));
            Assert.That(expected.Code == 0 || fault.Failure.PilotErrorCode == expected.Code, Is.True);
        }
    }

    [TestCase(500)]
    [TestCase(503)]
    [TestCase(429)]
    public async Task What_fails_in_passing_is_tried_again(int status, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        int left = 3;
        registry.Special["/v2/"] = _ => left-- > 0 ? new Answer { Status = status } : null;

        await TestImage.ResolveAsync(registry, ct);

        Assert.That(registry.CountOf("/manifests/"), Is.EqualTo(4));
    }

    [Test]
    public async Task A_digest_that_was_asked_for_is_enforced(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        Digest wanted = Digest.Of("another manifest"u8);
        registry.Content[$"/v2/{TestImage.Repository}/manifests/{wanted}"] = (image.Manifest, MediaTypes.OciManifest);

        Assert.That(
            () => new ImageResolver(TestImage.Clients()).ResolveAsync(TestImage.Reference(registry, "1", wanted), TestImage.Site, TestImage.Node, ct),
            Throws.TypeOf<GridWrapperException>().With.Message.Contains("wrong bytes"));
    }

    [Test]
    public async Task An_image_for_another_architecture_is_refused_by_name(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        new TestImage("arm64", [new byte[1024]]).PutInto(registry);

        Assert.That(() => TestImage.ResolveAsync(registry, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("linux/arm64").And.Message.Contains("amd64"));
    }

    [Test]
    public async Task Endless_indexes_are_refused(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        byte[] inner = "{}"u8.ToArray();
        for (int i = 0; i < 6; i++)
        {
            byte[] index = Encoding.UTF8.GetBytes($$$$"""{"schemaVersion":2,"mediaType":"{{{{MediaTypes.OciIndex}}}}","manifests":[{"mediaType":"{{{{MediaTypes.OciIndex}}}}","size":{{{{inner.Length}}}},"digest":"{{{{Digest.Of(inner)}}}}"}]}""");
            registry.Content[$"/v2/{TestImage.Repository}/manifests/{Digest.Of(index)}"] = (index, MediaTypes.OciIndex);
            registry.Content[$"/v2/{TestImage.Repository}/manifests/1"] = (index, MediaTypes.OciIndex);
            inner = index;
        }

        Assert.That(() => TestImage.ResolveAsync(registry, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("nested"));
    }

    [Test]
    public void A_host_that_does_not_answer_is_named(CancellationToken ct)
    {
        var image = new ImageReference.InRegistry("127.0.0.1:9", "a/b", "1", null);

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => new ImageResolver(TestImage.Clients()).ResolveAsync(image, TestImage.Site, TestImage.Node, ct))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(Blame.Registry));
            Assert.That(fault.Failure.Retryable, Is.True);
            Assert.That(fault.Message, Does.Contain("127.0.0.1:9").And.Contain("refused"));
        }
    }

    private static void PutIndex(FakeRegistry registry, params (string Architecture, TestImage Image)[] entries)
    {
        string list = string.Join(',', entries.Select(e =>
            $$$$"""{"mediaType":"{{{{MediaTypes.OciManifest}}}}","size":{{{{e.Image.Manifest.Length}}}},"digest":"{{{{e.Image.Digest}}}}","platform":{"os":"linux","architecture":"{{{{e.Architecture}}}}"}}"""));
        byte[] index = Encoding.UTF8.GetBytes($$$$"""{"schemaVersion":2,"mediaType":"{{{{MediaTypes.OciIndex}}}}","manifests":[{{{{list}}}}]}""");
        registry.Content[$"/v2/{TestImage.Repository}/manifests/1"] = (index, MediaTypes.OciIndex);
    }

    private static TestCaseData Case(string name, Blame blame, int code, string text, Func<FakeRegistry.Request, Answer?> answer) =>
        new TestCaseData(new Expectation(blame, code, text), answer).SetName("Fault_" + name);

    internal sealed record Expectation(Blame Blame, int Code, string Text);
}
