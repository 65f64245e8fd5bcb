using System.Security.Cryptography;
using GridWrapper.Outputs;

namespace GridWrapper.Staging;

/// <summary>A checksum as jobs and storages state it.</summary>
/// <param name="Kind">adler32, md5 or sha256.</param>
/// <param name="Value">Lower-case hex digits, adler32 with its leading zeros.</param>
internal sealed record FileChecksum(string Kind, string Value)
{
    private const int BufferBytes = 1024 * 1024;

    /// <summary>"ad:…", "adler32:…", "md5:…", "sha256:…", or hex digits alone, whose number tells the kind; null for anything else.</summary>
    internal static FileChecksum? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string digits = string.Create(text.Length - colon - 1, text[(colon + 1)..], static (to, from) => from.AsSpan().ToLowerInvariant(to));
        string? kind = (colon < 0 ? "" : text[..colon]) switch
        {
            "ad" or "adler32" => "adler32",
            "md" or "md5" => "md5",
            "sha256" => "sha256",
            "" => digits.Length switch { 8 => "adler32", 32 => "md5", 64 => "sha256", _ => null },
            _ => null,
        };
        string value = kind == "adler32" ? digits.PadLeft(8, '0') : digits;
        return kind is not null && value.Length == Length(kind) && value.All(char.IsAsciiHexDigit) ? new FileChecksum(kind, value) : null;
    }

    /// <summary>The same checksum of a file.</summary>
    internal async Task<FileChecksum> OfAsync(string path, CancellationToken ct)
    {
        if (Kind == "adler32")
        {
            return this with { Value = (await FileSum.OfAsync(path, ct)).Adler32 };
        }

        using IncrementalHash hash = IncrementalHash.CreateHash(Kind == "md5" ? HashAlgorithmName.MD5 : HashAlgorithmName.SHA256);
        await using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
        byte[] buffer = new byte[BufferBytes];
        for (int got; (got = await file.ReadAsync(buffer, ct)) > 0;)
        {
            hash.AppendData(buffer, 0, got);
        }

        return this with { Value = Convert.ToHexStringLower(hash.GetHashAndReset()) };
    }

    public override string ToString() => $"{Kind} {Value}";

    private static int Length(string kind) => kind switch { "adler32" => 8, "md5" => 32, _ => 64 };
}
