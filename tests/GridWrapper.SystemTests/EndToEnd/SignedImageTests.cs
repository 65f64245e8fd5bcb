using GridWrapper.SystemTests.Registries;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Images signed by the real cosign in a real registry, under profiles that require a signature.</summary>
[TestFixture, NonParallelizable, CancelAfter(300_000)]
internal sealed class SignedImageTests : EndToEndFixture
{
    private string _keys = "";
    private RealRegistry? _registry;

    [OneTimeSetUp]
    public async Task SignAsync()
    {
        await Tool.RunAsync(Testbed.Script("trixie.sh"));
        _registry = RealRegistry.Start(Testbed.Image, withPassword: false);
        _keys = Path.Combine(Testbed.Base, "keys");
        Directory.CreateDirectory(_keys);
        await CosignAsync("generate-key-pair", "--output-key-prefix", "site");
        await CosignAsync("generate-key-pair", "--output-key-prefix", "foreign");
        await Tool.RunAsync("/bin/chmod", "0755", _keys);
        await Tool.RunAsync("/bin/chmod", "0644", Path.Combine(_keys, "site.pub"), Path.Combine(_keys, "foreign.pub"));
        await SignAsync("site", "gzip");
        await SignAsync("foreign", "docker");
        await SignAsync("site", "multi");
        await SignAsync("site", "zstd", "COSIGN_EXPERIMENTAL=1", "--registry-referrers-mode=oci-1-1");
    }

    [OneTimeTearDown]
    public void Stop() => _registry?.Dispose();

    [TestCase("gzip", TestName = "Signed_under_the_tag")]
    [TestCase("multi", TestName = "Signed_as_an_index")]
    [TestCase("zstd", TestName = "Signed_as_a_referrer")]
    public async Task An_image_with_a_good_signature_is_pulled_and_the_plan_names_the_key(string tag, CancellationToken ct)
    {
        Area area = NewArea();
        string profile = Profile(area, "site");

        Outcome plan = await area.RunAsync(ct, "plan", Image(tag), "--site", profile, "--json");
        Outcome pulled = await area.RunAsync(ct, "pull", Image(tag), "--site", profile);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pulled.ExitCode, Is.Zero, pulled.ToString());
            Assert.That((string?)JObject.Parse(plan.Stdout)["image"]!["signature"]!["key"], Is.EqualTo(Path.Combine(_keys, "site.pub")));
        }
    }

    [TestCase("docker", "signed by none of the keys", TestName = "Signed_by_a_foreign_key")]
    [TestCase("plain", "not there", TestName = "Not_signed")]
    public async Task An_image_without_one_is_refused_before_a_layer_is_fetched(string tag, string says, CancellationToken ct)
    {
        Area area = NewArea();
        int before = _registry!.AccessLog().Length;

        Outcome outcome = await area.RunAsync(ct, "pull", Image(tag), "--site", Profile(area, "site"));

        // The configuration is a blob too, and the payloads of signatures are; the layers of this image are larger than both.
        long[] blobs = [.. _registry.AccessLog()[before..].Where(l => l.Contains("/blobs/", StringComparison.Ordinal)).Select(l => long.Parse(l.Split(' ')[9], CultureInfo.InvariantCulture))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(125), outcome.ToString());
            Assert.That(outcome.Stderr.TrimEnd().Split('\n')[^1], Does.StartWith("gridwrap: image: ").And.Contain(says).And.EndsWith("[step=verify-signature pilot=1306]"));
            Assert.That(blobs, Is.All.LessThan(4096));
        }
    }

    [Test]
    public async Task A_name_that_is_not_allowed_is_not_even_asked_for(CancellationToken ct)
    {
        Area area = NewArea();
        string profile = area.Write("site.json", """{ "name": "p", "images": { "allow": ["registry.example.org/**"] } }""");
        int before = _registry!.AccessLog().Length;

        Outcome plan = await area.RunAsync(ct, "plan", Image("gzip"), "--site", profile);
        Outcome directory = await area.RunAsync(ct, "exec", "--site", profile, Testbed.ReadableTree, "--", "/bin/true");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(plan.ExitCode, Is.EqualTo(125), plan.ToString());
            Assert.That(plan.Stderr, Does.Contain("images.allow").And.Contain("[step=image-policy pilot=1384]"));
            Assert.That(directory.ExitCode, Is.EqualTo(125), directory.ToString());
            Assert.That(directory.Stderr, Does.Contain("[step=image-policy pilot=1384]"));
            Assert.That(_registry.AccessLog(), Has.Length.EqualTo(before));
        }
    }

    private string Image(string tag) => $"docker://{_registry!.Address}/{_registry.Repository}:{tag}";

    private string Profile(Area area, string key) => area.Write(
        "site.json", $$"""{ "name": "p", "images": { "signatures": [{ "images": ["127.0.0.1:*/**"], "keys": ["{{Path.Combine(_keys, key + ".pub")}}"] }] } }""");

    private Task<string> SignAsync(string key, string tag, params string[] more) => CosignAsync(
        [.. more.Where(m => m.Contains("COSIGN", StringComparison.Ordinal)), "sign", "--yes", "--tlog-upload=false", "--allow-http-registry", "--key", key + ".key",
            .. more.Where(m => m.StartsWith("--", StringComparison.Ordinal)), $"{_registry!.Address}/{_registry.Repository}:{tag}"]);

    /// <summary>Leading words with '=' are variables.</summary>
    private Task<string> CosignAsync(params string[] words) => Tool.RunAsync(
        Testbed.Script("in-trixie.sh"),
        ["--cd", _keys, "--", "/usr/bin/env", "COSIGN_PASSWORD=", $"HOME={_keys}", .. words.TakeWhile(w => w.StartsWith("COSIGN", StringComparison.Ordinal)), "cosign", .. words.SkipWhile(w => w.StartsWith("COSIGN", StringComparison.Ordinal))]);
}
