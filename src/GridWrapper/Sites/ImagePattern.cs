namespace GridWrapper.Sites;

/// <summary>
/// Patterns of image names: HOST/REPOSITORY as references are normalised, or an absolute path. '*' stands for anything but '/', '**' for anything. The whole name must match.
/// </summary>
internal static class ImagePattern
{
    internal const string PemBegin = "-----BEGIN ";

    /// <summary>More would only make matching slow.</summary>
    private const int MaxStars = 8;

    /// <summary>The first of the patterns that matches, or null.</summary>
    internal static string? First(ImmutableArray<string> patterns, string name)
    {
        foreach (string pattern in patterns)
        {
            if (Matches(pattern, name))
            {
                return pattern;
            }
        }

        return null;
    }

    internal static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        while (pattern.Length > 0 && pattern[0] != '*')
        {
            if (name.Length == 0 || name[0] != pattern[0])
            {
                return false;
            }

            pattern = pattern[1..];
            name = name[1..];
        }

        if (pattern.Length == 0)
        {
            return name.Length == 0;
        }

        bool across = pattern.StartsWith("**");
        ReadOnlySpan<char> rest = pattern[(across ? 2 : 1)..];
        for (int taken = 0; taken <= name.Length; taken++)
        {
            if (Matches(rest, name[taken..]))
            {
                return true;
            }

            if (!across && taken < name.Length && name[taken] == '/')
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>What is wrong with a pattern, null if nothing is.</summary>
    internal static string? Fault(string text)
    {
        if (text.Length == 0 || text.Any(char.IsWhiteSpace))
        {
            return $"\"{text}\" is not a pattern of image names: it is empty or holds a blank";
        }

        if (text.Contains("://", StringComparison.Ordinal) || text.Contains('@', StringComparison.Ordinal))
        {
            return $"\"{text}\" holds a scheme or a digest: write HOST/REPOSITORY; digests have lists of their own";
        }

        if (text.Count(c => c == '*') > MaxStars)
        {
            return $"\"{text}\" has more than {MaxStars} '*'";
        }

        return text.StartsWith('/') || text == "**" ? null : NameFault(text);
    }

    private static string? NameFault(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0)
        {
            return $"\"{text}\" names no registry: write HOST/REPOSITORY, as in docker.io/library/alpine or registry.example.org/**, a path, or ** for everything";
        }

        if (text.Any(char.IsAsciiLetterUpper))
        {
            return $"\"{text}\" holds upper-case letters, which names of images do not have";
        }

        if (text[..slash] is "index.docker.io" or "registry-1.docker.io")
        {
            return $"\"{text}\" would match nothing: images of Docker Hub are named docker.io/…";
        }

        return text.IndexOf(':', slash) >= 0 ? $"\"{text}\" holds a tag: a pattern is of names, tags may be moved; pin digests with allowDigests" : null;
    }

    internal static string? DigestFault(string text) =>
        text.StartsWith("sha256:", StringComparison.Ordinal) && text.Length == 71 && text.Skip(7).All(char.IsAsciiHexDigitLower)
            ? null
            : $"\"{text}\" is not a digest: sha256: and 64 lower-case hex digits";

    /// <summary>A public key in PEM, or the path of one. What might be a secret is not repeated.</summary>
    internal static string? KeyFault(string text)
    {
        if (text.Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            return "a private key stands here: name the public key, and replace this one, since it has been read by others";
        }

        if (text.StartsWith(PemBegin, StringComparison.Ordinal))
        {
            return text.Contains("-----BEGIN PUBLIC KEY-----", StringComparison.Ordinal) ? null : "expected a PEM block called PUBLIC KEY, found another one";
        }

        return text.Contains("://", StringComparison.Ordinal)
            ? $"\"{text}\" is neither a file nor PEM text: keys are not fetched from elsewhere"
            : ProfileRules.ExpandablePath(text);
    }
}
