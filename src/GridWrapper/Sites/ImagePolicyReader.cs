namespace GridWrapper.Sites;

/// <summary>The section "images" of a profile.</summary>
internal static class ImagePolicyReader
{
    private const string Keyless = "keyless signatures (certificates of Fulcio, log entries of Rekor) are not supported: sign with a key of your own and name its public half under keys";

    /// <summary>Where a rule for keyless signatures would name its terms; refused by name rather than as unknown.</summary>
    private static readonly ImmutableArray<string> KeylessKeys = ["identity", "issuer", "certificateIdentity", "certificateOidcIssuer", "fulcio", "rekor"];

    internal static ImagePolicy Read(ProfileSection section)
    {
        ImagePolicy policy = new()
        {
            Allow = section.Texts("allow", [], ImagePattern.Fault),
            Deny = section.Texts("deny", [], ImagePattern.Fault),
            AllowDigests = section.Texts("allowDigests", [], ImagePattern.DigestFault),
            DenyDigests = section.Texts("denyDigests", [], ImagePattern.DigestFault),
            Signatures = [.. section.Sections("signatures").Select(ReadRule)],
        };
        section.Finish();
        return policy;
    }

    private static SignatureRule ReadRule(ProfileSection section)
    {
        foreach (string key in KeylessKeys)
        {
            _ = section.OptionalText(key, _ => Keyless);
        }

        SignatureRule rule = new()
        {
            Images = section.Texts("images", [], ImagePattern.Fault),
            Mode = section.Text("mode", SignatureRule.Require, Mode),
            Keys = section.Texts("keys", [], ImagePattern.KeyFault),
            SignedAs = section.Texts("signedAs", [], ImagePattern.Fault),
        };
        if (!section.Has("images"))
        {
            section.Fault("images", "missing: the patterns of the images that this rule is for");
        }

        if (rule.Mode == SignatureRule.Require && !section.Has("keys"))
        {
            section.Fault("keys", "missing: a rule that requires signatures names the public keys that it trusts");
        }

        section.Finish();
        return rule;
    }

    private static string? Mode(string text) => text == "keyless" ? Keyless : ProfileRules.OneOf([SignatureRule.Require, "off"])(text);
}
