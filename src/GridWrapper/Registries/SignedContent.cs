using GridWrapper.Images;

namespace GridWrapper.Registries;

/// <summary>What was signed, the signatures, and how to read the claim once one of them is found good.</summary>
/// <param name="Keyless">It brings a certificate instead of naming a key.</param>
internal sealed record SignedContent(byte[] Signed, ImmutableArray<byte[]> Signatures, bool Keyless, Func<SignedClaim> Claim)
{
    /// <summary>A payload in the form of simple signing with its signature in the annotation of the layer.</summary>
    /// <exception cref="FormatException">There is no signature that can be read.</exception>
    internal static SignedContent OfLayer(Descriptor layer, byte[] payload)
    {
        string text = layer.Annotations.GetValueOrDefault(SignatureTypes.SignatureAnnotation) ?? throw new FormatException($"its layer has no annotation {SignatureTypes.SignatureAnnotation}");
        byte[] signature = new byte[text.Length];
        return Convert.TryFromBase64String(text, signature, out int length)
            ? new SignedContent(payload, [signature[..length]], layer.Annotations.ContainsKey(SignatureTypes.CertificateAnnotation), () => SignatureReader.SimpleSigning(payload))
            : throw new FormatException($"its annotation {SignatureTypes.SignatureAnnotation} is not base64");
    }

    /// <exception cref="FormatException">The bundle cannot be read.</exception>
    internal static SignedContent OfBundle(byte[] content)
    {
        SignatureBundle bundle = SignatureBundle.Read(content);
        return new SignedContent(bundle.Signed, bundle.Signatures, bundle.Keyless, () => SignatureReader.Statement(bundle.Payload));
    }
}
