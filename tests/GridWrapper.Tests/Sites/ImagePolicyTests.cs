using GridWrapper.Diagnostics;
using GridWrapper.Sites;
using GridWrapper.Tests.Documentation;

namespace GridWrapper.Tests.Sites;

[Parallelizable(ParallelScope.All)]
internal sealed class ImagePolicyTests
{
    private const string Key = "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----";

    [TestCase("docker.io/library/alpine", "docker.io/library/alpine", true)]
    [TestCase("docker.io/library/alpine", "docker.io/library/alpine3", false)]
    [TestCase("docker.io/library/*", "docker.io/library/alpine", true)]
    [TestCase("docker.io/*", "docker.io/library/alpine", false)]
    [TestCase("docker.io/**", "docker.io/library/alpine", true)]
    [TestCase("docker.io/**/alpine", "docker.io/library/alpine", true)]
    [TestCase("docker.io/**/alpine", "docker.io/alpine", false)]
    [TestCase("*.cern.ch/**", "registry.cern.ch/a/b", true)]
    [TestCase("*.cern.ch/**", "evil.example.org/x.cern.ch/a", false)]
    [TestCase("*.cern.ch/**", "registry.cern.ch.example.org/a", false)]
    [TestCase("*:5000/a", "h:5000/a", true)]
    [TestCase("**", "h/a", true)]
    [TestCase("**", "/cvmfs/x", true)]
    [TestCase("/cvmfs/unpacked.cern.ch/**", "/cvmfs/unpacked.cern.ch/a/b:1", true)]
    [TestCase("/cvmfs/unpacked.cern.ch/**", "/cvmfs/unpacked.cern.ch", false)]
    [TestCase("h/a*b*c", "h/axxbyyc", true)]
    [TestCase("h/a*b*c", "h/axx/byyc", false)]
    [TestCase("h/**b*", "h/x/b/b", true)]
    [TestCase("h/*", "h/", true)]
    [TestCase("h/a", "", false)]
    public void A_pattern_is_for_the_whole_name(string pattern, string name, bool matches) => Assert.That(ImagePattern.Matches(pattern, name), Is.EqualTo(matches));

    [TestCase("allow", "alpine", "names no registry")]
    [TestCase("allow", "docker://docker.io/a", "holds a scheme")]
    [TestCase("deny", "docker.io/a:1", "holds a tag")]
    [TestCase("deny", "docker.io/a@sha256:0", "holds a scheme or a digest")]
    [TestCase("allow", "index.docker.io/library/*", "would match nothing")]
    [TestCase("allow", "Docker.io/**", "upper-case")]
    [TestCase("allow", "h/*a*a*a*a*a*a*a*a*a", "more than 8")]
    [TestCase("allow", "", "is empty")]
    [TestCase("allowDigests", "sha512:0", "is not a digest")]
    [TestCase("denyDigests", "sha256:ABC", "is not a digest")]
    public async Task A_wrong_entry_is_told(string key, string entry, string part)
    {
        string text = $$"""{ "name": "x", "images": { "{{key}}": ["{{entry}}"] } }""";

        using (Assert.EnterMultipleScope())
        {
            Assert.That(SiteProfileReader.Check(text).Faults.Single().Message, Does.Contain(part));
            Assert.That(part is "upper-case" or "more than 8" or "would match nothing" or "holds a scheme" || (await SchemaCheck.FaultsAsync("site-configs/schema.json", text)).Length > 0, Is.True);
        }
    }

    [TestCase("""{ "keys": ["/k.pub"] }""", "images.signatures[0].images: missing")]
    [TestCase("""{ "images": ["**"] }""", "images.signatures[0].keys: missing")]
    [TestCase("""{ "images": ["**"], "keys": [] }""", "images.signatures[0].keys: missing")]
    [TestCase("""{ "images": ["**"], "mode": "keyless" }""", "keyless signatures (certificates of Fulcio, log entries of Rekor) are not supported")]
    [TestCase("""{ "images": ["**"], "keys": ["/k.pub"], "rekor": "https://rekor.example.org" }""", "images.signatures[0].rekor: keyless signatures")]
    [TestCase("""{ "images": ["**"], "keys": ["/k.pub"], "mode": "of" }""", "did you mean \"off\"")]
    [TestCase("""{ "images": ["**"], "keys": ["k.pub"] }""", "is a relative path")]
    [TestCase("""{ "images": ["**"], "keys": ["awskms:///alias/x"] }""", "keys are not fetched")]
    [TestCase("""{ "images": ["**"], "keys": ["-----BEGIN EC PRIVATE KEY-----secret"] }""", "a private key stands here")]
    [TestCase("""{ "images": ["**"], "keys": ["-----BEGIN CERTIFICATE-----"] }""", "PUBLIC KEY")]
    public void A_wrong_rule_is_told(string rule, string part)
    {
        GridWrapperException fault = Assert.Throws<GridWrapperException>(() => SiteProfileReader.Read($$"""{ "name": "x", "images": { "signatures": [{{rule}}] } }""", "p.json"))!;

        Assert.That(fault.Message, Does.Contain(part).And.Not.Contain("secret"));
    }

    [Test]
    public async Task A_policy_is_read_written_and_read_back()
    {
        string digest = "sha256:" + new string('a', 64);
        string text = $$"""
            { "name": "x", "images": { "allow": ["docker.io/**", "/cvmfs/**"], "deny": ["docker.io/library/evil"], "allowDigests": ["{{digest}}"], "denyDigests": [],
              "signatures": [{ "images": ["h/a"], "mode": "off" }, { "images": ["h/**"], "keys": ["${KEYS:-/etc}/a.pub", "{{Key}}"], "signedAs": ["h2/**"] }] } }
            """;
        SiteProfile profile = SiteProfileReader.Read(text, "x");
        string written = SiteProfileWriter.Write(profile);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await SchemaCheck.FaultsAsync("site-configs/schema.json", text), Is.Empty);
            Assert.That(await SchemaCheck.FaultsAsync("site-configs/schema.json", written), Is.Empty);
            Assert.That(SiteProfileWriter.Write(SiteProfileReader.Read(written, "y")), Is.EqualTo(written));
            Assert.That(profile.Images.RuleFor("h/a"), Is.Null);
            Assert.That(profile.Images.RuleFor("h/b")!.SignedAs, Is.EqualTo(new[] { "h2/**" }));
            Assert.That(profile.Images.IsOpen, Is.False);
            Assert.That(new ImagePolicy().IsOpen, Is.True);
        }
    }

    [Test]
    public void Variables_in_names_of_files_are_replaced()
    {
        SiteProfile profile = SiteProfileReader.Read(
            $$"""{ "name": "x", "registries": { "configFile": "${HOME}/auth.json" }, "images": { "signatures": [{ "images": ["**"], "keys": ["${KEYS:-/etc}/a.pub", "{{Key}}"] }] } }""", "x");

        SiteProfile here = SiteProfiles.WithFiles(profile, new Dictionary<string, string> { ["HOME"] = "/h" });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(here.Registries.ConfigFile, Is.EqualTo("/h/auth.json"));
            Assert.That(here.Images.Signatures[0].Keys, Is.EqualTo(new[] { "/etc/a.pub", Key.Replace("\\n", "\n", StringComparison.Ordinal) }));
            Assert.That(() => SiteProfiles.WithFiles(profile, new Dictionary<string, string>()), Throws.TypeOf<GridWrapperException>().With.Message.Contains("HOME is not set"));
        }
    }
}
