using System.Security.Cryptography;
using GridWrapper.Images;

namespace GridWrapper.Tests.Registries;

/// <summary>Signs images as cosign does with a key, and puts the signatures where cosign puts them. What real cosign writes is checked in the system tests.</summary>
internal sealed class Signer : IDisposable
{
    private readonly ECDsa? _ec;
    private readonly RSA? _rsa;

    private Signer(ECDsa? ec, RSA? rsa)
    {
        _ec = ec;
        _rsa = rsa;
    }

    internal string PublicKey => _ec?.ExportSubjectPublicKeyInfoPem() ?? _rsa!.ExportSubjectPublicKeyInfoPem();

    internal static Signer Ec() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256), null);

    internal static Signer Rsa() => new(null, RSA.Create(2048));

    public void Dispose()
    {
        _ec?.Dispose();
        _rsa?.Dispose();
    }

    internal byte[] Sign(byte[] content) => _ec is not null
        ? _ec.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)
        : _rsa!.SignData(content, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    internal static byte[] Payload(string reference, Digest digest, string type = "cosign container image signature") => Encoding.UTF8.GetBytes(
        $$$$"""{"critical":{"identity":{"docker-reference":"{{{{reference}}}}"},"image":{"docker-manifest-digest":"{{{{digest}}}}"},"type":"{{{{type}}}}"},"optional":null}""");

    /// <summary>A manifest with one layer, the payload, and its signature in the layer's annotation.</summary>
    internal byte[] SimpleManifest(byte[] payload, string? signature = null, string configType = MediaTypes.OciConfig)
    {
        signature ??= Convert.ToBase64String(Sign(payload));
        return Encoding.UTF8.GetBytes(
            $$$$"""
            {"schemaVersion":2,"mediaType":"{{{{MediaTypes.OciManifest}}}}","config":{"mediaType":"{{{{configType}}}}","size":233,"digest":"{{{{Digest.Of("c"u8)}}}}"},
            "layers":[{"mediaType":"{{{{SignatureTypes.SimpleSigning}}}}","size":{{{{payload.Length}}}},"digest":"{{{{Digest.Of(payload)}}}}","annotations":{"dev.cosignproject.cosign/signature":"{{{{signature}}}}"}}]}
            """);
    }

    /// <summary>Under cosign's tag.</summary>
    internal static void PutUnderTag(FakeRegistry registry, Digest signed, byte[] manifest, params byte[][] blobs) =>
        Put(registry, $"sha256-{signed.Hex}.sig", manifest, MediaTypes.OciManifest, blobs);

    internal static void Put(FakeRegistry registry, string tag, byte[] manifest, string type, params byte[][] blobs)
    {
        registry.Content[$"/v2/{TestImage.Repository}/manifests/{tag}"] = (manifest, type);
        registry.Content[$"/v2/{TestImage.Repository}/manifests/{Digest.Of(manifest)}"] = (manifest, type);
        foreach (byte[] blob in blobs)
        {
            registry.Content[$"/v2/{TestImage.Repository}/blobs/{Digest.Of(blob)}"] = (blob, "application/octet-stream");
        }
    }

    /// <summary>Signs an image in the plain way.</summary>
    internal void SignImage(FakeRegistry registry, Digest digest, string? reference = null)
    {
        byte[] payload = Payload(reference ?? $"{registry.Host}/{TestImage.Repository}", digest);
        PutUnderTag(registry, digest, SimpleManifest(payload), payload);
    }

    /// <summary>What cosign 3 makes: a statement in an envelope in a bundle.</summary>
    internal byte[] Bundle(Digest digest, string predicate = SignatureTypes.SignPredicate)
    {
        byte[] statement = Encoding.UTF8.GetBytes($$$$"""{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"{{{{digest.Hex}}}}"},"annotations":{}}],"predicateType":"{{{{predicate}}}}","predicate":{}}""");
        string signature = Convert.ToBase64String(Sign(SignatureBundle.Framed(SignatureTypes.InTotoPayload, statement)));
        return Encoding.UTF8.GetBytes(
            $$$$"""{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},"dsseEnvelope":{"payload":"{{{{Convert.ToBase64String(statement)}}}}","payloadType":"{{{{SignatureTypes.InTotoPayload}}}}","signatures":[{"sig":"{{{{signature}}}}"}]}}""");
    }

    internal static byte[] BundleManifest(byte[] bundle) => Encoding.UTF8.GetBytes(
        $$$$"""
        {"schemaVersion":2,"mediaType":"{{{{MediaTypes.OciManifest}}}}","artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"digest":"{{{{Digest.Of("{}"u8)}}}}"},
        "layers":[{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","size":{{{{bundle.Length}}}},"digest":"{{{{Digest.Of(bundle)}}}}"}]}
        """);

    /// <summary>A list of referrers; cosign 3 writes the kind of the empty configuration into those it keeps itself.</summary>
    internal static byte[] Referrers(byte[] manifest, string artifactType) => Encoding.UTF8.GetBytes(
        $$$$"""{"schemaVersion":2,"mediaType":"{{{{MediaTypes.OciIndex}}}}","manifests":[{"mediaType":"{{{{MediaTypes.OciManifest}}}}","size":{{{{manifest.Length}}}},"digest":"{{{{Digest.Of(manifest)}}}}","artifactType":"{{{{artifactType}}}}"}]}""");
}
