using System.Diagnostics.CodeAnalysis;

namespace GridWrapper.Images;

/// <summary>
/// A content digest of the OCI image specification, restricted to sha256: the only algorithm that registries and CVMFS use.
/// A class, not a struct: collections and queries over it are then code that is compiled already, not compiled at each start.
/// </summary>
internal sealed record Digest
{
    private Digest(string hex) => Hex = hex;

    /// <summary>The 64 lower-case hexadecimal digits.</summary>
    internal string Hex { get; }

    public bool Equals(Digest? other) => Hex == other?.Hex;

    public override int GetHashCode() => Hex.GetHashCode(StringComparison.Ordinal);

    /// <summary>Parses "sha256:" + 64 lower-case hex digits; nothing else is a digest.</summary>
    internal static bool TryParse(string? text, [NotNullWhen(true)] out Digest? digest)
    {
        const string Prefix = "sha256:";
        digest = null;
        return text is not null && text.StartsWith(Prefix, StringComparison.Ordinal) && TryParseHex(text[Prefix.Length..], out digest);
    }

    /// <summary>Parses the bare 64 hex digits, as CVMFS paths hold them.</summary>
    internal static bool TryParseHex(string? hex, [NotNullWhen(true)] out Digest? digest)
    {
        digest = null;
        foreach (char c in hex ?? "")
        {
            if (!char.IsAsciiHexDigitLower(c))
            {
                return false;
            }
        }

        digest = hex is { Length: 64 } ? new Digest(hex) : null;
        return digest is not null;
    }

    /// <exception cref="FormatException">The text is not a sha256 digest.</exception>
    internal static Digest Parse(string text) =>
        TryParse(text, out Digest? digest) ? digest : throw new FormatException($"'{text}' is not a digest of the form sha256:<64 lower-case hex digits>");

    internal static Digest Of(ReadOnlySpan<byte> content) => new(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)));

    internal static Digest FromHash(ReadOnlySpan<byte> sha256) =>
        sha256.Length == 32 ? new Digest(Convert.ToHexStringLower(sha256)) : throw new ArgumentException("a sha256 hash has 32 bytes", nameof(sha256));

    public override string ToString() => "sha256:" + Hex;
}
