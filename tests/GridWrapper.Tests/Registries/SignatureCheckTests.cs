using System.Security.Cryptography;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Sites;
using GridWrapper.Tests.Layers;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class SignatureCheckTests
{
    private const string BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    private const string EmptyType = "application/vnd.oci.empty.v1+json";

    private static SiteProfile Requiring(params string[] keys) => With(new SignatureRule { Images = ["127.0.0.1:*/**"], Keys = [.. keys] });

    private static SiteProfile With(params SignatureRule[] rules) => TestImage.Site with { Images = new ImagePolicy { Signatures = [.. rules] } };

    private static Task<ResolvedImage> ResolveAsync(FakeRegistry registry, SiteProfile site, CancellationToken ct) =>
        new ImageResolver(TestImage.Clients()).ResolveAsync(TestImage.Reference(registry), site, TestImage.Node, ct);

    private static Failure Refusal(FakeRegistry registry, SiteProfile site, CancellationToken ct)
    {
        Failure failure = Assert.ThrowsAsync<GridWrapperException>(() => ResolveAsync(registry, site, ct))!.Failure;
        Assert.That(failure.Step, Is.EqualTo("verify-signature"), failure.Message);
        return failure;
    }

    [Test]
    public async Task Keys_that_cosign_makes_verify([Values] bool rsa, [Values] bool file, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        using Signer signer = rsa ? Signer.Rsa() : Signer.Ec();
        signer.SignImage(registry, image.Digest);
        string key = signer.PublicKey;
        if (file)
        {
            key = Path.Combine(TreeListing.NewDirectory(), "cosign.pub");
            await File.WriteAllTextAsync(key, signer.PublicKey, ct);
        }

        SignatureProof proof = (await ResolveAsync(registry, Requiring(key), ct)).Signature!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(proof.Digest, Is.EqualTo(image.Digest));
            Assert.That(proof.Key, file ? Is.EqualTo(key) : Does.StartWith("the key "));
            Assert.That(proof.Place, Is.EqualTo($"sha256-{image.Digest.Hex}.sig"));
        }
    }

    [Test]
    public async Task One_of_several_keys_is_enough_and_one_good_signature_among_others(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        using Signer foreign = Signer.Ec();
        using Signer ours = Signer.Rsa();
        using Signer other = Signer.Ec();
        byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest);
        string first = Encoding.UTF8.GetString(foreign.SimpleManifest(payload));
        string layer = Encoding.UTF8.GetString(ours.SimpleManifest(payload));
        layer = layer[(layer.IndexOf("\"layers\":[", StringComparison.Ordinal) + 10)..layer.LastIndexOf(']')];
        Signer.PutUnderTag(registry, image.Digest, Encoding.UTF8.GetBytes(first.Replace("\"layers\":[", "\"layers\":[" + layer + ",", StringComparison.Ordinal)), payload);

        Assert.That((await ResolveAsync(registry, Requiring(other.PublicKey, ours.PublicKey), ct)).Signature, Is.Not.Null);
    }

    [Test]
    public async Task A_signature_of_the_index_is_one_of_its_manifests(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry, "unused");
        byte[] index = Encoding.UTF8.GetBytes($$$$"""{"schemaVersion":2,"mediaType":"{{{{MediaTypes.OciIndex}}}}","manifests":[{"mediaType":"{{{{MediaTypes.OciManifest}}}}","size":{{{{image.Manifest.Length}}}},"digest":"{{{{image.Digest}}}}","platform":{"os":"linux","architecture":"amd64"}}]}""");
        registry.Content[$"/v2/{TestImage.Repository}/manifests/1"] = (index, MediaTypes.OciIndex);
        using Signer signer = Signer.Ec();
        signer.SignImage(registry, Digest.Of(index));

        ResolvedImage resolved = await ResolveAsync(registry, Requiring(signer.PublicKey), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(resolved.Indexes, Is.EqualTo(new[] { Digest.Of(index) }));
            Assert.That(resolved.Signature!.Digest, Is.EqualTo(Digest.Of(index)));
        }
    }

    [TestCase(true, BundleType, TestName = "Bundle_by_the_registrys_own_list")]
    [TestCase(false, EmptyType, TestName = "Bundle_by_the_list_that_cosign_keeps")]
    public async Task A_bundle_of_cosign_3_verifies(bool api, string artifactType, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        using Signer signer = Signer.Ec();
        byte[] bundle = signer.Bundle(image.Digest);
        byte[] manifest = Signer.BundleManifest(bundle);
        byte[] list = Signer.Referrers(manifest, artifactType);
        Signer.Put(registry, "unused", manifest, MediaTypes.OciManifest, bundle);
        registry.Content[api ? $"/v2/{TestImage.Repository}/referrers/{image.Digest}" : $"/v2/{TestImage.Repository}/manifests/sha256-{image.Digest.Hex}"] = (list, MediaTypes.OciIndex);

        SignatureProof proof = (await ResolveAsync(registry, Requiring(signer.PublicKey), ct)).Signature!;

        Assert.That(proof.Place, Is.EqualTo($"referrer {Digest.Of(manifest)}"));
    }

    [Test]
    public async Task A_referrer_of_cosign_2_verifies(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        using Signer signer = Signer.Ec();
        byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest);
        byte[] manifest = signer.SimpleManifest(payload, configType: SignatureTypes.CosignArtifact);
        Signer.Put(registry, "unused", manifest, MediaTypes.OciManifest, payload);
        registry.Content[$"/v2/{TestImage.Repository}/referrers/{image.Digest}"] = (Signer.Referrers(manifest, SignatureTypes.CosignArtifact), MediaTypes.OciIndex);

        Assert.That((await ResolveAsync(registry, Requiring(signer.PublicKey), ct)).Signature, Is.Not.Null);
    }

    /// <summary>What is wrong, how it is put into the registry, and what the refusal says of it.</summary>
    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return Case("no signature", "not there", (_, _, _) => { });
        yield return Case("wrong key", "none of the keys", (registry, image, _) =>
        {
            using Signer foreign = Signer.Ec();
            foreign.SignImage(registry, image.Digest);
        });
        yield return Case("payload for another digest", "another image: sha256:", (registry, image, signer) =>
        {
            byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", Digest.Of("another"u8));
            Signer.PutUnderTag(registry, image.Digest, signer.SimpleManifest(payload), payload);
        });
        yield return Case("payload for another repository", "signed as", (registry, image, signer) => signer.SignImage(registry, image.Digest, $"{registry.Host}/team/other"));
        yield return Case("payload for another registry", "signed as", (registry, image, signer) => signer.SignImage(registry, image.Digest, "registry.example.org/team/image"));
        yield return Case("payload for another tag", "signed as", (registry, image, signer) => signer.SignImage(registry, image.Digest, $"{registry.Host}/{TestImage.Repository}:2"));
        yield return Case("payload without a name", "names the image", (registry, image, signer) => signer.SignImage(registry, image.Digest, ""));
        yield return Case("payload of another type", "of the type 'atomic", (registry, image, signer) =>
        {
            byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest, "atomic container signature");
            Signer.PutUnderTag(registry, image.Digest, signer.SimpleManifest(payload), payload);
        });
        yield return Case("payload that is no JSON", "not valid JSON", (registry, image, signer) => Signer.PutUnderTag(registry, image.Digest, signer.SimpleManifest("{"u8.ToArray()), "{"u8.ToArray()));
        yield return Case("annotation of another signature", "none of the keys", (registry, image, signer) =>
        {
            byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest);
            Signer.PutUnderTag(registry, image.Digest, signer.SimpleManifest(payload, Convert.ToBase64String(signer.Sign("x"u8.ToArray()))), payload);
        });
        yield return Case("annotation with one bit turned", "none of the keys", (registry, image, signer) =>
        {
            byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest);
            byte[] signature = signer.Sign(payload);
            signature[^1] ^= 1;
            Signer.PutUnderTag(registry, image.Digest, signer.SimpleManifest(payload, Convert.ToBase64String(signature)), payload);
        });
        yield return Case("annotation that is no base64", "not base64", (registry, image, signer) =>
        {
            byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest);
            Signer.PutUnderTag(registry, image.Digest, signer.SimpleManifest(payload, "***"), payload);
        });
        yield return Case("no annotation", "no annotation", (registry, image, signer) =>
        {
            byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest);
            string manifest = Encoding.UTF8.GetString(signer.SimpleManifest(payload)).Replace("cosign/signature", "cosign/else", StringComparison.Ordinal);
            Signer.PutUnderTag(registry, image.Digest, Encoding.UTF8.GetBytes(manifest), payload);
        });
        yield return Case("signed with a certificate", "certificate of Fulcio", (registry, image, _) =>
        {
            using Signer keyless = Signer.Ec();
            byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest);
            string manifest = Encoding.UTF8.GetString(keyless.SimpleManifest(payload)).Replace("\"annotations\":{", "\"annotations\":{\"dev.sigstore.cosign/certificate\":\"-----BEGIN\",", StringComparison.Ordinal);
            Signer.PutUnderTag(registry, image.Digest, Encoding.UTF8.GetBytes(manifest), payload);
        });
        yield return Case("bundle for another digest", "another image", (registry, image, signer) => PutBundle(registry, image, signer.Bundle(Digest.Of("another"u8))));
        yield return Case("bundle with an attestation", "not a signature of an image", (registry, image, signer) => PutBundle(registry, image, signer.Bundle(image.Digest, "https://slsa.dev/provenance/v1")));
        yield return Case("bundle by a foreign key", "none of the keys", (registry, image, _) =>
        {
            using Signer foreign = Signer.Ec();
            PutBundle(registry, image, foreign.Bundle(image.Digest));
        });
        yield return Case("manifest that is none", "there is no layers", (registry, image, _) => Signer.PutUnderTag(registry, image.Digest, "{}"u8.ToArray()));

        static TestCaseData Case(string name, string part, Action<FakeRegistry, TestImage, Signer> put) => new TestCaseData(part, put).SetName($"Refuses({name})");
    }

    [TestCaseSource(nameof(Wrong))]
    public async Task Refuses(string part, Action<FakeRegistry, TestImage, Signer> put, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        using Signer signer = Signer.Ec();
        put(registry, image, signer);

        Failure failure = Refusal(registry, Requiring(signer.PublicKey), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure.Blame, Is.EqualTo(Blame.Image));
            Assert.That(failure.Message, Does.Contain(part).And.Contain("images.signatures"));
            Assert.That(registry.Requests.Select(r => r.Path), Has.None.Matches<string>(p => image.Layers.Any(l => p.Contains(Digest.Of(l).Hex, StringComparison.Ordinal))));
        }
    }

    private static IEnumerable<TestCaseData> Away()
    {
        yield return new TestCaseData((Func<FakeRegistry.Request, Answer?>)(_ => Answer.Error(503, "UNAVAILABLE", "down"))).SetName("Away(503)");
        yield return new TestCaseData((Func<FakeRegistry.Request, Answer?>)(_ => new Answer { Body = new byte[100], StallAfter = 1 })).SetName("Away(stalled)");
        yield return new TestCaseData((Func<FakeRegistry.Request, Answer?>)(_ => new Answer { Status = 429 })).SetName("Away(429)");
    }

    [TestCaseSource(nameof(Away))]
    public async Task A_server_that_is_away_bars_the_image_for_now(Func<FakeRegistry.Request, Answer?> answer, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        using Signer signer = Signer.Ec();
        signer.SignImage(registry, image.Digest);
        registry.Special[$"/v2/{TestImage.Repository}/manifests/sha256-"] = answer;

        SiteProfile site = Requiring(signer.PublicKey);
        Failure failure = Refusal(registry, site with { Registries = site.Registries with { StallSeconds = 0.2 } }, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure.Blame, Is.EqualTo(Blame.Registry));
            Assert.That(failure.Retryable, Is.True);
            Assert.That(failure.Message, Does.Contain("requires a signature").And.Contain("could not be looked at"));
        }
    }

    [Test]
    public async Task A_payload_with_other_bytes_is_the_registrys_fault(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        using Signer signer = Signer.Ec();
        byte[] payload = Signer.Payload($"{registry.Host}/{TestImage.Repository}", image.Digest);
        signer.SignImage(registry, image.Digest);
        byte[] turned = [.. payload];
        turned[5] ^= 1;
        registry.Content[$"/v2/{TestImage.Repository}/blobs/{Digest.Of(payload)}"] = (turned, "application/octet-stream");

        Assert.That(Refusal(registry, Requiring(signer.PublicKey), ct), Has.Property("Blame").EqualTo(Blame.Registry).And.Property("Message").Contains("wrong bytes"));
    }

    [Test]
    public async Task A_copied_image_may_keep_its_signature_where_the_rule_says_so(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        using Signer signer = Signer.Ec();
        signer.SignImage(registry, image.Digest, "index.docker.io/library/alpine");
        SignatureRule rule = new() { Images = ["**"], Keys = [signer.PublicKey], SignedAs = ["docker.io/library/*"] };

        Assert.That((await ResolveAsync(registry, With(rule), ct)).Signature, Is.Not.Null);
        Assert.That(Refusal(registry, With(rule with { SignedAs = ["quay.io/**"] }), ct).Message, Does.Contain("docker.io/library/alpine"));
    }

    [Test]
    public async Task The_first_rule_that_names_an_image_holds(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        SignatureRule off = new() { Images = ["127.0.0.1:*/team/*"], Mode = "off" };
        SignatureRule all = new() { Images = ["**"], Keys = ["/nonexistent"] };

        ResolvedImage resolved = await ResolveAsync(registry, With(off, all), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(resolved.Signature, Is.Null);
            Assert.That(registry.CountOf(".sig"), Is.Zero);
            Assert.That(Refusal(registry, With(all, off), ct), Has.Property("Blame").EqualTo(Blame.Site).And.Property("PilotErrorCode").EqualTo(PilotError.SetupFailure));
        }
    }

    private static IEnumerable<TestCaseData> BadKeys()
    {
        yield return new TestCaseData("/nonexistent/key.pub", "nonexistent").SetName("BadKey(no such file)");
        yield return new TestCaseData("/cvmfs/keys/key.pub", "CVMFS").SetName("BadKey(on CVMFS)");
        yield return new TestCaseData(Pem("1.3.101.112", []), "Ed25519").SetName("BadKey(Ed25519)");
        yield return new TestCaseData(Ec(ECCurve.NamedCurves.nistP384), "only P-256").SetName("BadKey(P-384)");
        yield return new TestCaseData(Rsa(1024), "1024 bits").SetName("BadKey(small RSA)");
        yield return new TestCaseData("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "").SetName("BadKey(no key)");
        yield return new TestCaseData("-----BEGIN PUBLIC KEY-----", "").SetName("BadKey(truncated)");

        static string Ec(ECCurve curve)
        {
            using var key = ECDsa.Create(curve);
            return key.ExportSubjectPublicKeyInfoPem();
        }

        static string Rsa(int bits)
        {
            using var key = RSA.Create(bits);
            return key.ExportSubjectPublicKeyInfoPem();
        }

        static string Pem(string oid, byte[] _)
        {
            var writer = new System.Formats.Asn1.AsnWriter(System.Formats.Asn1.AsnEncodingRules.DER);
            using (writer.PushSequence())
            {
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier(oid);
                }

                writer.WriteBitString(new byte[32]);
            }

            return PemEncoding.WriteString("PUBLIC KEY", writer.Encode());
        }
    }

    [TestCaseSource(nameof(BadKeys))]
    public async Task A_key_of_no_use_is_the_sites_fault(string key, string part, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);

        Failure failure = Refusal(registry, Requiring(key), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure.Blame, Is.EqualTo(Blame.Site));
            Assert.That(failure.Message, Does.Contain(part));
        }
    }

    private static void PutBundle(FakeRegistry registry, TestImage image, byte[] bundle)
    {
        byte[] manifest = Signer.BundleManifest(bundle);
        Signer.Put(registry, "unused", manifest, MediaTypes.OciManifest, bundle);
        registry.Content[$"/v2/{TestImage.Repository}/referrers/{image.Digest}"] = (Signer.Referrers(manifest, BundleType), MediaTypes.OciIndex);
    }
}
