using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Planning;

/// <summary>
/// What the site's image policy says of an image. Asked twice: by name before anybody else is asked anything, and with the digests once they are known. What cannot be told counts
/// as not allowed: a rule about digests or signatures bars an image whose digest nobody vouches for, wherever its files would come from.
/// </summary>
internal static class ImageGate
{
    private const string Step = "image-policy";

    /// <summary>Why no image of this name may run here; null where the name is no reason.</summary>
    internal static Failure? ByName(ImagePolicy policy, ImageReference reference)
    {
        if (ImagePattern.First(policy.Deny, reference.Name) is { } denied)
        {
            return Refused(reference, $"its name is denied by \"{denied}\" (images.deny)");
        }

        return policy.Allow.IsEmpty || ImagePattern.First(policy.Allow, reference.Name) is not null
            ? null
            : Refused(reference, $"only images named by {string.Join(", ", policy.Allow.Select(p => $"\"{p}\""))} may run here (images.allow)");
    }

    /// <summary>Whether anything but the very image that the registry serves would be beside the point.</summary>
    internal static bool DigestMatters(ImagePolicy policy, ImageReference reference) =>
        !policy.AllowDigests.IsEmpty || policy.RuleFor(reference.Name) is not null || (!policy.DenyDigests.IsEmpty && reference is not ImageReference.AtPath);

    /// <summary>The facts with the policy's verdict in them. A name that is barred stays so.</summary>
    internal static ImageFacts Apply(ImagePolicy policy, ImageFacts facts)
    {
        Failure? barred = facts.Barred;
        bool matters = DigestMatters(policy, facts.Reference);
        if (barred is null && matters)
        {
            barred = facts.Resolved.IsKnown(out ResolvedImage image) ? ByDigest(policy, facts.Reference, image) : Unknown(policy, facts);
        }

        return facts with { Barred = barred, DigestMatters = matters };
    }

    private static Failure? ByDigest(ImagePolicy policy, ImageReference reference, ResolvedImage image)
    {
        ImmutableArray<string> manifests = [.. image.Indexes.Append(image.Manifest.Digest).Select(d => d.ToString())];
        IEnumerable<string> contents = image.Manifest.Layers.Select(l => l.Digest).Append(image.Manifest.Config.Digest).Concat(image.Config.DiffIds).Select(d => d.ToString());
        if (manifests.Concat(contents).FirstOrDefault(policy.DenyDigests.Contains) is { } denied)
        {
            return Refused(reference, $"its part {denied} is denied (images.denyDigests)");
        }

        if (!policy.AllowDigests.IsEmpty && !manifests.Any(policy.AllowDigests.Contains))
        {
            return Refused(reference, $"its digest {string.Join(" in ", manifests.Reverse())} is not one of those that are allowed (images.allowDigests)");
        }

        return policy.RuleFor(reference.Name) is not null && image.Signature is null
            ? Refused(reference, "the profile requires a signature (images.signatures), and signatures are looked for in registries only")
            : null;
    }

    /// <summary>No digest that anybody vouches for: the registry is away, or the image is none of a registry.</summary>
    private static Failure Unknown(ImagePolicy policy, ImageFacts facts)
    {
        string key = policy.RuleFor(facts.Reference.Name) is not null ? "images.signatures" : policy.AllowDigests.IsEmpty ? "images.denyDigests" : "images.allowDigests";
        if (facts.ResolveFailure is not { } failure)
        {
            return Refused(facts.Reference, $"the profile has rules about digests or signatures ({key}), and this image has no digest: {facts.Resolved.Why}");
        }

        return failure.Step == SignatureProof.Step ? failure : failure with
        {
            Message = $"the image {facts.Reference} may not run here: the profile's rules ({key}) need its digest, which could not be verified: {failure.Message}",
        };
    }

    private static Failure Refused(ImageReference reference, string why) => new()
    {
        Blame = Blame.User,
        Phase = Phase.Plan,
        Step = Step,
        PilotErrorCode = PilotError.QueueNotSetUpForContainers,
        Message = $"the image {reference} may not run here by the site's profile: {why}. Name another image, or ask the site",
    };
}
