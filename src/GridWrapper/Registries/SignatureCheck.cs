using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Registries;

/// <summary>
/// Finds the signature that a profile demands of an image: under cosign's tag, then among the referrers. A signature of an index is one of every manifest in it, since the index
/// names their digests. What is not signed by one of the keys is not looked into.
/// </summary>
internal sealed class SignatureCheck(RegistryClient client, SiteProfile site)
{
    private static readonly RoomLog Log = new(nameof(SignatureCheck));

    /// <param name="digests">Of the image: the indexes that it was found through, outermost first, then its manifest.</param>
    /// <returns>Null where the profile demands nothing.</returns>
    /// <exception cref="GridWrapperException">No good signature, or none could be looked for.</exception>
    internal async Task<SignatureProof?> DemandAsync(ImageReference.InRegistry image, ImmutableArray<Digest> digests, CancellationToken ct)
    {
        if (site.Images.RuleFor(image.Name) is not { } rule)
        {
            return null;
        }

        List<SignatureKey> keys = [];
        try
        {
            keys.AddRange(rule.Keys.Select(key => SignatureKey.Load(key, site.Cvmfs.Root)));
            Search search = new(image, rule, [.. keys], []);
            SignatureProof proof = await FindAsync(search, digests, ct) ?? throw Missing(search);
            Log.Info("{Image} is signed by {Key}: {Digest}", image.ToString(), proof.Key, proof.Digest.ToString());
            return proof;
        }
        catch (GridWrapperException e) when (e.Failure.Step != SignatureProof.Step)
        {
            throw new GridWrapperException(e.Failure with { Step = SignatureProof.Step, Message = $"the site profile requires a signature of {image} (images.signatures), and it could not be looked at: {e.Message}" }, e);
        }
        finally
        {
            keys.ForEach(key => key.Dispose());
        }
    }

    private async Task<SignatureProof?> FindAsync(Search search, ImmutableArray<Digest> digests, CancellationToken ct)
    {
        foreach (Digest digest in digests)
        {
            string tag = SignatureTypes.TagOf(digest);
            if (await OrAbsentAsync(() => client.GetManifestAsync(search.Image with { Tag = tag, Digest = null }, ct), search, tag) is { } served
                && await CheckAsync(search, new Candidate(digest, tag), served, ct) is { } proof)
            {
                return proof;
            }
        }

        foreach (Digest digest in digests)
        {
            if (await AmongReferrersAsync(search, digest, ct) is { } proof)
            {
                return proof;
            }
        }

        return null;
    }

    private async Task<SignatureProof?> AmongReferrersAsync(Search search, Digest digest, CancellationToken ct)
    {
        string tag = SignatureTypes.ReferrersTagOf(digest);
        ServedManifest? index = await OrAbsentAsync(() => client.GetReferrersAsync(search.Image, digest, ct), search, "referrers")
            ?? await OrAbsentAsync(() => client.GetManifestAsync(search.Image with { Tag = tag, Digest = null }, ct), search, tag);
        foreach (Descriptor referrer in index is null ? [] : Entries(search, tag, () => SignatureReader.Referrers(index.Bytes)))
        {
            if (!SignatureTypes.MayBeSignature(referrer.ArtifactType))
            {
                continue;
            }

            if (await OrAbsentAsync(() => client.GetManifestAsync(search.Image with { Tag = null, Digest = referrer.Digest }, ct), search, $"referrer {referrer.Digest}") is { } served
                && await CheckAsync(search, new Candidate(digest, $"referrer {referrer.Digest}"), served, ct) is { } proof)
            {
                return proof;
            }
        }

        return null;
    }

    /// <summary>The first good one of the signatures in a manifest.</summary>
    private async Task<SignatureProof?> CheckAsync(Search search, Candidate candidate, ServedManifest served, CancellationToken ct)
    {
        ImmutableArray<Descriptor> layers = Entries(search, candidate.Place, () => SignatureReader.Layers(served.Bytes));
        foreach (Descriptor layer in layers.Where(l => l.MediaType == SignatureTypes.SimpleSigning || SignatureTypes.IsBundle(l.MediaType)))
        {
            byte[]? content = await OrAbsentAsync(
                () => client.GetSmallAsync(search.Image, layer, new SmallBlob($"the signature {layer.Digest} of {search.Image}", SignatureReader.MaxPayloadBytes), ct), search, candidate.Place);
            if (content is not null && Judge(search, candidate, layer, content) is { } key)
            {
                return new SignatureProof(key.Name, candidate.Digest, candidate.Place);
            }
        }

        return null;
    }

    private static SignatureKey? Judge(Search search, Candidate candidate, Descriptor layer, byte[] content)
    {
        try
        {
            SignedContent signed = SignatureTypes.IsBundle(layer.MediaType) ? SignedContent.OfBundle(content) : SignedContent.OfLayer(layer, content);
            SignatureKey? key = search.Keys.FirstOrDefault(k => signed.Signatures.Any(s => k.Verifies(signed.Signed, s)));
            string? refusal = key is not null
                ? Refusal(search, candidate.Digest, signed.Claim())
                : signed.Keyless ? "it is signed without a key (a certificate of Fulcio), which is not supported" : "it is signed by none of the keys that the profile names";
            if (refusal is null)
            {
                return key;
            }

            search.Note(candidate.Place, refusal);
        }
        catch (FormatException e)
        {
            search.Note(candidate.Place, e.Message);
        }

        return null;
    }

    /// <summary>Why a claim that is well signed is not about this image; null if it is.</summary>
    private static string? Refusal(Search search, Digest digest, SignedClaim claim)
    {
        if (!claim.Digests.Contains(digest))
        {
            return $"what is signed is another image: {string.Join(", ", claim.Digests.Take(3))}";
        }

        ImageReference.InRegistry image = search.Image;
        bool fits = claim.Reference is not { } reference
            || (search.Rule.SignedAs.IsEmpty
                ? reference.Name == image.Name && (reference.Tag is null || image.Tag is null || image.Digest is not null || reference.Tag == image.Tag)
                : ImagePattern.First(search.Rule.SignedAs, reference.Name) is not null);
        return fits ? null : $"it was signed as {claim.Reference}; if that is meant to be the same, the profile's rule says so with signedAs";
    }

    private static ImmutableArray<Descriptor> Entries(Search search, string place, Func<ImmutableArray<Descriptor>> read)
    {
        try
        {
            return read();
        }
        catch (FormatException e)
        {
            search.Note(place, e.Message);
            return [];
        }
    }

    /// <summary>Null for what is not there, or is kept from this user, which is the same here.</summary>
    private static async Task<T?> OrAbsentAsync<T>(Func<Task<T>> ask, Search search, string place)
        where T : class
    {
        try
        {
            return await ask();
        }
        catch (GridWrapperException e) when (!e.Failure.Retryable && e.Failure.Step != "verify-digest")
        {
            search.Note(place, RegistryFault.IsNotFound(e) ? "not there" : e.Message);
            return null;
        }
    }

    private static GridWrapperException Missing(Search search) => new(new Failure
    {
        Blame = Blame.Image,
        Phase = Phase.Resolve,
        Step = SignatureProof.Step,
        PilotErrorCode = PilotError.ContainerGeneralFailure,
        Message = $"the site profile requires a signature of {search.Image} by {string.Join(" or ", search.Keys.Select(k => k.Name))} (images.signatures), and there is no good one: "
            + $"{string.Join("; ", search.Notes)}. Have the image signed (cosign sign --key), or name another one",
    });

    private sealed record Candidate(Digest Digest, string Place);

    private sealed record Search(ImageReference.InRegistry Image, SignatureRule Rule, ImmutableArray<SignatureKey> Keys, List<string> Notes)
    {
        internal void Note(string place, string what) => Notes.Add($"{place}: {what}");
    }
}
