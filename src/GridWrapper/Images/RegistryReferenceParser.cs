using System.Net;
using GridWrapper.Diagnostics;

namespace GridWrapper.Images;

/// <summary>
/// [HOST/]PATH[:TAG][@DIGEST] by the grammar of the distribution project's reference package, with Docker's defaults: docker.io, library/, latest.
/// The first component is a host if it holds '.' or ':' or is "localhost"; no other component may hold upper case, so "Team/image" is told to be wrong
/// rather than asked of a host called Team.
/// </summary>
internal static class RegistryReferenceParser
{
    /// <summary>Characters of HOST/PATH (the reference package's NameTotalLengthMax).</summary>
    internal const int MaxNameCharacters = 255;

    internal const int MaxTagCharacters = 128;

    internal const string DockerHub = "docker.io";

    /// <summary>The error, or null and the reference.</summary>
    internal static string? Parse(string text, out ImageReference? reference)
    {
        reference = null;
        string name = text;
        if (CheckAlphabet(text) is { } strange)
        {
            return strange;
        }

        if (SplitDigest(ref name, out Digest? digest) is { } digestError)
        {
            return digestError;
        }

        if (SplitTag(ref name, out string? tag) is { } tagError)
        {
            return tagError;
        }

        string host = SplitHost(ref name);
        if ((host.Length == 0 ? null : CheckHost(host)) is { } hostError)
        {
            return hostError;
        }

        if (CheckRepository(name) is { } nameError)
        {
            return nameError;
        }

        if (host.Length + 1 + name.Length > MaxNameCharacters)
        {
            return $"host and repository have more than {MaxNameCharacters} characters together";
        }

        reference = Normalise(host, name, tag, digest);
        return null;
    }

    private static ImageReference.InRegistry Normalise(string host, string repository, string? tag, Digest? digest)
    {
        host = host.ToLowerInvariant();
        if (host is "" or "index.docker.io")
        {
            host = DockerHub;
        }

        if (host == DockerHub && !repository.Contains('/', StringComparison.Ordinal))
        {
            repository = "library/" + repository;
        }

        return new ImageReference.InRegistry(host, repository, tag ?? (digest is null ? "latest" : null), digest);
    }

    /// <summary>Blanks, templates and quotes get a message of their own: they come from a broken command line, not from a wrong name.</summary>
    private static string? CheckAlphabet(string text)
    {
        if (text.Length == 0)
        {
            return "there is no name after 'docker://'; write docker://[HOST/]NAME[:TAG]";
        }

        foreach (char c in text)
        {
            if (char.IsWhiteSpace(c))
            {
                return "it holds a blank; an image reference is one word";
            }

            if (c is '$' or '{' or '}')
            {
                return $"it holds '{c}', so a template was not expanded";
            }

            if (c is '"' or '\'' or '`')
            {
                return $"it holds a quote ({c}); check the quoting of the job parameters";
            }
        }

        return null;
    }

    private static string? SplitDigest(ref string name, out Digest? digest)
    {
        digest = null;
        int at = name.IndexOf('@', StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }

        string text = name[(at + 1)..];
        name = name[..at];
        if (Digest.TryParse(text, out Digest? found))
        {
            digest = found;
            return null;
        }

        if (Digest.TryParse(text.ToLowerInvariant(), out _))
        {
            return "the digest holds upper-case letters; write it in lower case";
        }

        int colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && text[..colon] != "sha256"
            ? $"its digest uses {Quoted.Text(text[..colon])}; only sha256 is supported"
            : $"after '@' a digest must follow, sha256: and 64 hex digits, not {Quoted.Text(text)}";
    }

    private static string? SplitTag(ref string name, out string? tag)
    {
        tag = null;
        int slash = name.LastIndexOf('/');
        int colon = name.IndexOf(':', slash + 1);
        if (colon < 0 || name[slash + 1] == '[')
        {
            return null;
        }

        tag = name[(colon + 1)..];
        name = name[..colon];
        if (tag.Length == 0)
        {
            return "the tag after ':' is empty; leave the ':' away or name a tag";
        }

        if (tag.Length > MaxTagCharacters)
        {
            return $"the tag has {tag.Length} characters; at most {MaxTagCharacters} are allowed";
        }

        for (int i = 0; i < tag.Length; i++)
        {
            char c = tag[i];
            if (!(char.IsAsciiLetterOrDigit(c) || c == '_' || (i > 0 && c is '.' or '-')))
            {
                string where = i == 0 ? " at its beginning" : "";
                return $"{Quoted.Text(c.ToString())} in the tag {Quoted.Text(tag)} is not allowed{where}; a tag has letters, digits and _ . -";
            }
        }

        return null;
    }

    private static string SplitHost(ref string name)
    {
        int slash = name.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
        {
            return "";
        }

        string first = name[..slash];
        if (first.AsSpan().IndexOfAny('.', ':') < 0 && first != "localhost")
        {
            return "";
        }

        name = name[(slash + 1)..];
        return first;
    }

    private static string? CheckHost(string host)
    {
        string domain = host;
        int bracket = host.StartsWith('[') ? host.IndexOf(']', StringComparison.Ordinal) : -1;
        int colon = host.StartsWith('[') && bracket < 0 ? -1 : host.IndexOf(':', bracket + 1);
        if (colon >= 0)
        {
            string port = host[(colon + 1)..];
            domain = host[..colon];
            if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) || number == 0)
            {
                return $"{Quoted.Text(port)} is not a port (1 to 65535) of the host {Quoted.Text(domain)}";
            }
        }

        return host.StartsWith('[') ? CheckIpv6(domain) : domain.Split('.').Select(CheckHostLabel).FirstOrDefault(error => error is not null);
    }

    private static string? CheckIpv6(string domain) =>
        domain.EndsWith(']') && domain[1..^1].All(c => char.IsAsciiHexDigit(c) || c is ':' or '.') && IPAddress.TryParse(domain[1..^1], out _)
            ? null
            : $"{Quoted.Text(domain)} is not an IPv6 address in brackets";

    private static string? CheckHostLabel(string label)
    {
        if (label.Length == 0)
        {
            return "the host has an empty part; check the dots";
        }

        if (label[0] == '-' || label[^1] == '-')
        {
            return $"the part {Quoted.Text(label)} of the host begins or ends with '-'";
        }

        foreach (char c in label)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '-')
            {
                return $"{Quoted.Text(c.ToString())} is not allowed in the host (part {Quoted.Text(label)})";
            }
        }

        return null;
    }

    private static string? CheckRepository(string repository)
    {
        if (repository.Length == 64 && repository.All(char.IsAsciiHexDigitLower))
        {
            return "64 hex digits name an image ID, not a repository; write NAME@sha256:DIGEST";
        }

        foreach (string component in repository.Split('/'))
        {
            if (CheckComponent(component) is { } error)
            {
                return error;
            }
        }

        return null;
    }

    /// <summary>[a-z0-9]+ runs joined by one of: a dot, one or two underscores, any number of hyphens.</summary>
    private static string? CheckComponent(string component)
    {
        if (component.Length == 0)
        {
            return "a part of the repository is empty; check the slashes";
        }

        for (int i = 0; i < component.Length; i++)
        {
            char c = component[i];
            if (char.IsAsciiLetterUpper(c))
            {
                string remedy = component.ToLowerInvariant();
                return $"upper-case '{c}' in the repository part {Quoted.Text(component)}; repositories are lower case: {Quoted.Text(remedy)}";
            }

            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c is not ('.' or '_' or '-'))
            {
                return $"{Quoted.Text(c.ToString())} is not allowed in the repository part {Quoted.Text(component)}; lower-case letters, digits and . _ - are";
            }
        }

        return CheckSeparators(component);
    }

    private static string? CheckSeparators(string component)
    {
        if (!char.IsAsciiLetterOrDigit(component[0]) || !char.IsAsciiLetterOrDigit(component[^1]))
        {
            return $"the repository part {Quoted.Text(component)} must begin and end with a letter or a digit";
        }

        for (int start = 0; start < component.Length; start++)
        {
            int end = start;
            while (!char.IsAsciiLetterOrDigit(component[end]))
            {
                end++;
            }

            string separator = component[start..end];
            if (!(separator is "" or "." or "_" or "__" || separator.All(c => c == '-')))
            {
                return $"{Quoted.Text(separator)} in the repository part {Quoted.Text(component)} is not a separator; "
                    + "use one dot, one or two underscores, or hyphens";
            }

            start = end;
        }

        return null;
    }
}
