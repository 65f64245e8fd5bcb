namespace GridWrapper.Images;

/// <summary>What a signature says: these manifests, and by which name where the format has one. Read only after the signature was found good.</summary>
/// <param name="Digests">Manifests or indexes that are signed.</param>
/// <param name="Reference">The name they were signed under as HOST/REPOSITORY[:TAG]; null in bundles, which know none.</param>
internal sealed record SignedClaim(ImmutableArray<Digest> Digests, ImageReference.InRegistry? Reference);
