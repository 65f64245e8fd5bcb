namespace GridWrapper.Sites;

/// <summary>Which images payloads may run in. Each list that is not empty must let an image through. docs/admin-guide.md explains each.</summary>
internal sealed record ImagePolicy
{
    /// <summary>Patterns of names, see <see cref="ImagePattern"/>; empty: every name is allowed.</summary>
    public ImmutableArray<string> Allow { get; init; } = [];

    /// <summary>Patterns of names that are refused whatever allows them.</summary>
    public ImmutableArray<string> Deny { get; init; } = [];

    /// <summary>Digests of manifests or of the indexes they were found through; empty: every digest is allowed.</summary>
    public ImmutableArray<string> AllowDigests { get; init; } = [];

    /// <summary>Digests of indexes, manifests, configurations or layers that are refused.</summary>
    public ImmutableArray<string> DenyDigests { get; init; } = [];

    /// <summary>The first rule that names an image holds for it; an image that none names needs no signature.</summary>
    public ImmutableArray<SignatureRule> Signatures { get; init; } = [];

    /// <summary>True where nothing is demanded of any image.</summary>
    internal bool IsOpen => Allow.IsEmpty && Deny.IsEmpty && AllowDigests.IsEmpty && DenyDigests.IsEmpty && Signatures.IsEmpty;

    /// <summary>The rule that demands a signature of an image of this name, or null.</summary>
    internal SignatureRule? RuleFor(string name)
    {
        foreach (SignatureRule rule in Signatures)
        {
            if (ImagePattern.First(rule.Images, name) is not null)
            {
                return rule.Mode == SignatureRule.Require ? rule : null;
            }
        }

        return null;
    }
}

/// <summary>Whose signature images of some names must bear.</summary>
internal sealed record SignatureRule
{
    internal const string Require = "require";

    /// <summary>Patterns of names.</summary>
    public required ImmutableArray<string> Images { get; init; }

    /// <summary>"require" or "off".</summary>
    public string Mode { get; init; } = Require;

    /// <summary>Public keys: PEM text, or paths of PEM files. A signature by one of them is enough.</summary>
    public ImmutableArray<string> Keys { get; init; } = [];

    /// <summary>Patterns of the names that a signature may be made for; empty: the image's own name. For images that were copied with their signatures.</summary>
    public ImmutableArray<string> SignedAs { get; init; } = [];
}
