using GridWrapper.Diagnostics;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class RegistryAuthTests
{
    private const string User = "dXNlcjpwYXNz"; // user:pass

    [Test]
    public async Task Basic_credentials_are_sent_only_when_asked_for(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        registry.Special["/v2/"] = r => r.Authorization == "Basic " + User ? null : Answer.Challenge("Basic realm=\"registry\"");

        await TestImage.ResolveAsync(registry, ct, $$$$"""{"auths":{"{{{{registry.Host}}}}":{"auth":"{{{{User}}}}"}}}""");

        Assert.That(registry.Requests.Select(r => r.Authorization), Is.EqualTo(new[] { null, "Basic " + User, "Basic " + User }));
    }

    [Test]
    public async Task A_bearer_token_is_fetched_anonymously_and_kept(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        UseTokens(registry, "good");

        await TestImage.ResolveAsync(registry, ct);

        FakeRegistry.Request token = registry.Requests.Single(r => r.Path.StartsWith("/token", StringComparison.Ordinal));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(token.Path, Does.Contain("service=svc").And.Contain("scope=repository%3Ateam%2Fimage%3Apull"));
            Assert.That(token.Authorization, Is.Null);
        }
    }

    [TestCase("""{"auth":"dXNlcjpwYXNz"}""", TestName = "Token_with_auth")]
    [TestCase("""{"username":"user","password":"pass"}""", TestName = "Token_with_username")]
    public async Task Credentials_go_to_the_token_server_as_basic(string entry, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        UseTokens(registry, "good");

        await TestImage.ResolveAsync(registry, ct, $$$$"""{"auths":{"http://{{{{registry.Host}}}}/v2/":{{{{entry}}}}}}""");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(registry.Requests.Single(r => r.Path.StartsWith("/token", StringComparison.Ordinal)).Authorization, Is.EqualTo("Basic " + User));
            Assert.That(registry.Requests.Where(r => r.Path.StartsWith("/v2/", StringComparison.Ordinal)).Select(r => r.Authorization), Has.None.StartsWith("Basic"));
        }
    }

    [Test]
    public async Task An_identity_token_is_exchanged_by_post(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        UseTokens(registry, "good");

        await TestImage.ResolveAsync(registry, ct, $$$$"""{"auths":{"{{{{registry.Host}}}}":{"identitytoken":"refresh-me"}}}""");

        FakeRegistry.Request token = registry.Requests.Single(r => r.Path.StartsWith("/token", StringComparison.Ordinal));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(token.Method, Is.EqualTo("POST"));
            Assert.That(token.Body, Does.Contain("grant_type=refresh_token").And.Contain("refresh_token=refresh-me"));
            Assert.That(token.Path, Does.Not.Contain("refresh"));
        }
    }

    [Test]
    public async Task A_registry_token_is_used_as_it_is(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        UseTokens(registry, "own");

        await TestImage.ResolveAsync(registry, ct, $$$$"""{"auths":{"{{{{registry.Host}}}}":{"registrytoken":"own"}}}""");

        Assert.That(registry.CountOf("/token"), Is.Zero);
    }

    [TestCase("http://token.example.org/token")]
    [TestCase("ftp://127.0.0.1/token")]
    [TestCase("/token")]
    [TestCase("https://user@127.0.0.1/token")]
    public async Task A_token_server_that_must_not_be_trusted_gets_nothing(string realm, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        registry.Special["/v2/"] = _ => Answer.Challenge($"Bearer realm=\"{realm}\",service=\"svc\"");

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => TestImage.ResolveAsync(registry, ct, "this is no JSON, and would fail if it were read"))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(Blame.Registry));
            Assert.That(fault.Message, Does.Contain("no credentials were sent"));
        }
    }

    [Test]
    public async Task Refused_credentials_name_the_file_but_not_the_secret(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        UseTokens(registry, "good");
        registry.Special["/token"] = _ => Answer.Error(401, "UNAUTHORIZED", "wrong password");

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => TestImage.ResolveAsync(registry, ct, $$$$"""{"auths":{"{{{{registry.Host}}}}":{"auth":"{{{{User}}}}"}}}"""))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(Blame.User));
            Assert.That(fault.Message, Does.Contain("config.json").And.Contain("wrong password"));
            Assert.That(fault.ToString(), Does.Not.Contain(User).And.Not.Contain("pass\""));
        }
    }

    [Test]
    public async Task Credentials_kept_by_a_helper_are_explained_when_they_are_needed(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        string config = $$$$"""{"auths":{"{{{{registry.Host}}}}":{}},"credHelpers":{"{{{{registry.Host}}}}":"secretservice"}}""";
        await TestImage.ResolveAsync(registry, ct, config);
        registry.Special["/v2/"] = _ => Answer.Challenge("Basic realm=\"x\"");

        Assert.That(() => TestImage.ResolveAsync(registry, ct, config), Throws.TypeOf<GridWrapperException>().With.Message.Contains("'secretservice'"));
    }

    [Test]
    public async Task An_expired_token_is_renewed(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        int issued = 0;
        registry.Special["/token"] = _ => Answer.Json($$$$"""{"access_token":"t{{{{++issued}}}}"}""");
        registry.Special["/v2/"] = r =>
        {
            bool manifest = r.Path.Contains("/manifests/", StringComparison.Ordinal);
            return r.Authorization == (manifest ? "Bearer t1" : "Bearer t2") ? null : Answer.Challenge($"Bearer realm=\"http://{registry.Host}/token\"");
        };

        await TestImage.ResolveAsync(registry, ct);

        Assert.That(issued, Is.EqualTo(2));
    }

    [Test]
    public async Task A_redirect_to_another_host_gets_no_authorization(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        await using var storage = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        image.PutInto(storage);
        registry.Special["/v2/"] = r => r.Authorization is null ? Answer.Challenge("Basic realm=\"x\"")
            : r.Path.Contains("/blobs/", StringComparison.Ordinal) ? Answer.Redirect($"http://{storage.Host}{r.Path}?signature=secret") : null;
        storage.Special["/v2/"] = r => storage.Content.TryGetValue(r.Path.Split('?')[0], out (byte[] Body, string Type) c) ? new Answer { Body = c.Body } : null;

        await TestImage.ResolveAsync(registry, ct, $$$$"""{"auths":{"{{{{registry.Host}}}}":{"auth":"{{{{User}}}}"}}}""");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(storage.Requests, Is.Not.Empty);
            Assert.That(storage.Requests.Select(r => r.Authorization), Is.All.Null);
        }
    }

    [Test]
    public async Task A_redirect_within_the_host_keeps_authorization(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        registry.Special["/v2/"] = r => r.Authorization is null ? Answer.Challenge("Basic realm=\"x\"") : r.Path.EndsWith("/manifests/1", StringComparison.Ordinal) ? Answer.Redirect("/moved") : null;
        registry.Special["/moved"] = r => r.Authorization is null ? new Answer { Status = 403 } : new Answer { Body = TestImage.Small().Manifest };

        Assert.That(await TestImage.ResolveAsync(registry, ct, $$$$"""{"auths":{"{{{{registry.Host}}}}":{"auth":"{{{{User}}}}"}}}"""), Is.Not.Null);
    }

    [Test]
    public async Task A_signed_address_is_not_shown_when_storage_fails(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        registry.Special["/v2/"] = r => r.Path.Contains("/blobs/", StringComparison.Ordinal) ? Answer.Redirect($"http://{registry.Host}/storage?signature=secret") : null;
        registry.Special["/storage"] = _ => new Answer { Status = 418 };

        Assert.That(() => TestImage.ResolveAsync(registry, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("/storage?…").And.Message.Not.Contains("secret"));
    }

    private static void UseTokens(FakeRegistry registry, string token)
    {
        registry.Special["/token"] = _ => Answer.Json($$$$"""{"token":"{{{{token}}}}","expires_in":300}""");
        registry.Special["/v2/"] = r => r.Authorization == "Bearer " + token
            ? null
            : Answer.Challenge($"Bearer realm=\"http://{registry.Host}/token\",service=\"svc\",scope=\"repository:team/image:pull\"");
    }
}
