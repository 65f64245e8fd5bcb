namespace GridWrapper.Images;

/// <summary>The names under which signatures of images are kept in registries (cosign: SIGNATURE_SPEC.md, BUNDLE_SPEC.md).</summary>
internal static class SignatureTypes
{
    internal const string SimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json";
    internal const string CosignArtifact = "application/vnd.dev.cosign.artifact.sig.v1+json";
    internal const string SignatureAnnotation = "dev.cosignproject.cosign/signature";
    internal const string CertificateAnnotation = "dev.sigstore.cosign/certificate";
    internal const string ImageSignature = "cosign container image signature";
    internal const string SignPredicate = "https://sigstore.dev/cosign/sign/v1";
    internal const string InTotoPayload = "application/vnd.in-toto+json";

    /// <summary>application/vnd.dev.sigstore.bundle.v0.3+json and its relatives.</summary>
    private const string BundlePrefix = "application/vnd.dev.sigstore.bundle";

    internal static bool IsBundle(string mediaType) => mediaType.StartsWith(BundlePrefix, StringComparison.Ordinal);

    /// <summary>
    /// By its entry in a list of referrers. Registries may leave the kind out, and cosign 3 itself writes the kind of the empty configuration into lists that it keeps;
    /// bills of material and the like are no signatures.
    /// </summary>
    internal static bool MayBeSignature(string? artifactType) =>
        artifactType is null or "" or CosignArtifact or "application/vnd.oci.empty.v1+json" or MediaTypes.OciConfig || IsBundle(artifactType);

    /// <summary>The tag that cosign keeps the signatures of a manifest under.</summary>
    internal static string TagOf(Digest digest) => $"sha256-{digest.Hex}.sig";

    /// <summary>The tag that lists what refers to a manifest where the registry itself does not (distribution-spec, referrers tag schema).</summary>
    internal static string ReferrersTagOf(Digest digest) => $"sha256-{digest.Hex}";
}
