using Newtonsoft.Json.Linq;

namespace GridWrapper.Images;

/// <summary>Manifests that hold signatures, and what was signed. Faults are <see cref="FormatException"/>s that end a sentence.</summary>
internal static class SignatureReader
{
    /// <summary>Signatures of one image, or referrers of it, that are looked at.</summary>
    internal const int MaxEntries = 100;

    /// <summary>Bytes of a payload or bundle; those of cosign have some hundreds, bundles with log entries some thousands.</summary>
    internal const int MaxPayloadBytes = 256 * 1024;

    /// <summary>The layers of a manifest, each a signature.</summary>
    internal static ImmutableArray<Descriptor> Layers(ReadOnlySpan<byte> manifest) => Entries(manifest, "layers");

    /// <summary>The entries of an index of referrers.</summary>
    internal static ImmutableArray<Descriptor> Referrers(ReadOnlySpan<byte> index) => Entries(index, "manifests");

    /// <summary>A payload in the form of simple signing.</summary>
    internal static SignedClaim SimpleSigning(ReadOnlySpan<byte> payload)
    {
        JObject root = JsonText.ParseObject(payload, MaxPayloadBytes, DuplicatePropertyNameHandling.Error);
        if (root["critical"] is not JObject critical)
        {
            throw new FormatException("its payload has no object 'critical'");
        }

        string? type = Text(critical["type"]);
        if (type != SignatureTypes.ImageSignature)
        {
            throw new FormatException($"its payload is of the type {Diagnostics.Quoted.Text(type)}, not '{SignatureTypes.ImageSignature}'");
        }

        string? digest = Text((critical["image"] as JObject)?["docker-manifest-digest"]);
        string? reference = Text((critical["identity"] as JObject)?["docker-reference"]);
        if (!Digest.TryParse(digest, out Digest? signed))
        {
            throw new FormatException($"its payload names the digest {Diagnostics.Quoted.Text(digest)}");
        }

        return RegistryReferenceParser.Parse(reference ?? "", out ImageReference? name) is { } fault
            ? throw new FormatException($"its payload names the image {Diagnostics.Quoted.Text(reference)}: {fault}")
            : new SignedClaim([signed], WithoutDefaultTag((ImageReference.InRegistry)name!, reference!));
    }

    /// <summary>The statement inside a bundle's envelope: cosign's own predicate, so that an attestation of something else is no signature.</summary>
    internal static SignedClaim Statement(ReadOnlySpan<byte> payload)
    {
        JObject root = JsonText.ParseObject(payload, MaxPayloadBytes, DuplicatePropertyNameHandling.Error);
        string? predicate = Text(root["predicateType"]);
        if (Text(root["_type"])?.StartsWith("https://in-toto.io/Statement/", StringComparison.Ordinal) != true || predicate != SignatureTypes.SignPredicate)
        {
            throw new FormatException($"it is a statement of the kind {Diagnostics.Quoted.Text(predicate)}, not a signature of an image");
        }

        IEnumerable<string?> digests = (root["subject"] as JArray ?? []).OfType<JObject>().Select(subject => Text((subject["digest"] as JObject)?["sha256"]));
        return new SignedClaim([.. digests.Select(hex => Digest.TryParseHex(hex, out Digest? digest) ? digest : null).OfType<Digest>()], null);
    }

    /// <summary>The parser gives a name without a tag the tag latest; a signature without one is for every tag.</summary>
    private static ImageReference.InRegistry WithoutDefaultTag(ImageReference.InRegistry name, string text) =>
        text[(text.LastIndexOf('/') + 1)..].Split('@')[0].Contains(':', StringComparison.Ordinal) ? name : name with { Tag = null };

    private static ImmutableArray<Descriptor> Entries(ReadOnlySpan<byte> document, string key)
    {
        JObject root = JsonText.ParseObject(document, ManifestReader.MaxBytes, DuplicatePropertyNameHandling.Error);
        List<string> faults = [];
        ImmutableArray<Descriptor>? entries = new DescriptorReader(faults, StringComparison.Ordinal).ReadAll(root, key, MaxEntries);
        return faults.Count == 0 ? entries!.Value : throw new FormatException(string.Join("; ", faults));
    }

    private static string? Text(JToken? token) => token is { Type: JTokenType.String } ? (string?)token : null;
}
