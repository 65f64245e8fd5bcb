namespace GridWrapper.Images;

/// <summary>
/// A content digest of the OCI image specification, restricted to sha256: the only algorithm that registries and CVMFS use.
/// The default value is not a digest; every member of it throws.
/// </summary>
internal readonly record struct Digest
{
    private readonly string? _hex;

    private Digest(string hex) => _hex = hex;

    /// <summary>The 64 lower-case hexadecimal digits.</summary>
    internal string Hex => _hex ?? throw new InvalidOperationException("an uninitialised digest was used");

    /// <summary>Parses "sha256:" + 64 lower-case hex digits; nothing else is a digest.</summary>
    internal static bool TryParse(string? text, out Digest digest)
    {
        const string Prefix = "sha256:";
        digest = default;
        return text is not null && text.StartsWith(Prefix, StringComparison.Ordinal) && TryParseHex(text[Prefix.Length..], out digest);
    }

    /// <summary>Parses the bare 64 hex digits, as CVMFS paths hold them.</summary>
    internal static bool TryParseHex(string? hex, out Digest digest)
    {
        bool ok = hex is { Length: 64 } && hex.All(char.IsAsciiHexDigitLower);
        digest = ok ? new Digest(hex!) : default;
        return ok;
    }

    /// <exception cref="FormatException">The text is not a sha256 digest.</exception>
    internal static Digest Parse(string text) =>
        TryParse(text, out Digest digest) ? digest : throw new FormatException($"'{text}' is not a digest of the form sha256:<64 lower-case hex digits>");

    internal static Digest Of(ReadOnlySpan<byte> content) => new(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)));

    internal static Digest FromHash(ReadOnlySpan<byte> sha256) =>
        sha256.Length == 32 ? new Digest(Convert.ToHexStringLower(sha256)) : throw new ArgumentException("a sha256 hash has 32 bytes", nameof(sha256));

    public override string ToString() => "sha256:" + Hex;
}
