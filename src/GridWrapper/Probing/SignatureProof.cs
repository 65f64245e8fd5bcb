using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>A signature that was found good.</summary>
/// <param name="Key">The public key: its path, or the digest of one that stands in the profile.</param>
/// <param name="Digest">Of the manifest or index that was signed.</param>
/// <param name="Place">Tag or referrer that holds the signature.</param>
internal sealed record SignatureProof(string Key, Digest Digest, string Place)
{
    /// <summary>The step of failures to find one.</summary>
    internal const string Step = "verify-signature";
}
