using System.Diagnostics.CodeAnalysis;
using GridWrapper.Diagnostics;

namespace GridWrapper.Images;

/// <summary>
/// The text of an image reference to an <see cref="ImageReference"/>: a scheme (docker://, oci:, oci-archive:, docker-archive:, file://), a path, or a
/// registry reference with Docker's defaults. Nothing is looked up, so a bare name is a registry's name even where a file of that name exists.
/// </summary>
internal static class ImageReferenceParser
{
    /// <summary>Longer than any path Linux opens (PATH_MAX) with a tag behind it.</summary>
    private const int MaxCharacters = 4096 + 256;

    /// <exception cref="GridWrapperException">The text is no image reference; the message says which part is wrong and how to write it.</exception>
    internal static ImageReference Parse(string text, string currentDirectory) =>
        TryParse(text, currentDirectory, out ImageReference? reference, out string? error)
            ? reference
            : throw GridWrapperException.BadInput("parse-image-reference", error);

    /// <param name="text">The reference as the user or the job wrote it.</param>
    /// <param name="currentDirectory">Absolute; relative paths start here.</param>
    /// <param name="reference">The parsed reference.</param>
    /// <param name="error">A sentence that names the text, the wrong part of it, and the remedy.</param>
    internal static bool TryParse(
        string text,
        string currentDirectory,
        [NotNullWhen(true)] out ImageReference? reference,
        [NotNullWhen(false)] out string? error)
    {
        reference = null;
        error = Check(text) ?? Dispatch(text, currentDirectory, out reference);
        if (error is not null)
        {
            error = $"the image reference {Quoted.Text(text)} is wrong: {error}";
            return false;
        }

        return reference is not null ? true : throw new System.Diagnostics.UnreachableException();
    }

    private static string? Check(string text)
    {
        if (text.Length == 0)
        {
            return "it is empty; write for example docker://alpine:3.20 or /cvmfs/repository/path";
        }

        if (text.Length > MaxCharacters)
        {
            return $"it has {text.Length} characters, more than any reference or path can have";
        }

        int bad = text.AsSpan().IndexOfAnyInRange('\0', '\u001f');
        if (bad >= 0 || text.Contains('\u007f', StringComparison.Ordinal))
        {
            return "it holds a control character; remove it";
        }

        if (char.IsWhiteSpace(text[0]) || char.IsWhiteSpace(text[^1]))
        {
            return "it begins or ends with a blank; remove it";
        }

        return text.StartsWith('-') ? "it begins with '-', as an option does; was the image forgotten?" : null;
    }

    /// <summary>The error, or null and the reference.</summary>
    private static string? Dispatch(string text, string currentDirectory, out ImageReference? reference)
    {
        reference = null;
        if (IsPath(text))
        {
            reference = new ImageReference.AtPath(Absolute(text, currentDirectory));
            return null;
        }

        if (text[0] == '~')
        {
            return "'~' is not expanded here; write the path in full";
        }

        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string scheme = colon > 0 ? text[..colon] : "";
        bool isUrl = colon > 0 && text.AsSpan(colon).StartsWith("://");
        switch (scheme)
        {
            case "docker" when isUrl:
                return RegistryReferenceParser.Parse(text[(colon + 3)..], out reference);
            case "oci" or "oci-archive" or "docker-archive":
                return ParseLocal(text, colon, currentDirectory, out reference);
            case "file" when isUrl:
                return ParseFile(text[(colon + 3)..], currentDirectory, out reference);
            default:
                return Refusal(text, scheme, isUrl) ?? RegistryReferenceParser.Parse(text, out reference);
        }
    }

    private static bool IsPath(string text) =>
        text[0] == '/' || text is "." or ".." || text.StartsWith("./", StringComparison.Ordinal) || text.StartsWith("../", StringComparison.Ordinal);

    /// <summary>Without "." and ".." and doubled slashes, so that a path below /cvmfs is seen to be one.</summary>
    private static string Absolute(string path, string currentDirectory)
    {
        string full = Path.GetFullPath(path, currentDirectory).TrimEnd('/');
        return full.Length == 0 ? "/" : full;
    }

    private static string? ParseFile(string path, string currentDirectory, out ImageReference? reference)
    {
        reference = path.StartsWith('/') ? new ImageReference.AtPath(Absolute(path, currentDirectory)) : null;
        return reference is null ? "after 'file://' an absolute path must follow; write file:///path or the path alone" : null;
    }

    /// <summary>SCHEME:PATH[:TAG]; the path ends at the next colon, as in other tools.</summary>
    private static string? ParseLocal(string text, int colon, string currentDirectory, out ImageReference? reference)
    {
        reference = null;
        string scheme = text[..colon];
        string rest = text[(colon + 1)..];
        if (rest.StartsWith("//", StringComparison.Ordinal) && !rest.StartsWith("///", StringComparison.Ordinal))
        {
            return $"after '{scheme}:' a path must follow, not '//'; write {scheme}:PATH[:TAG]";
        }

        int end = rest.IndexOf(':', StringComparison.Ordinal);
        string path = end < 0 ? rest : rest[..end];
        string? tag = end < 0 ? null : rest[(end + 1)..];
        if (path.Length == 0)
        {
            return $"there is no path after '{scheme}:'; write {scheme}:PATH[:TAG]";
        }

        if (tag is not null && (tag.Length == 0 || tag.Any(char.IsWhiteSpace)))
        {
            return "the tag after the path's ':' is empty or holds a blank; leave the ':' away or name a tag";
        }

        string full = Absolute(path, currentDirectory);
        reference = scheme switch
        {
            "oci" => new ImageReference.OciLayout(full, tag),
            "oci-archive" => new ImageReference.OciArchive(full, tag),
            _ => new ImageReference.DockerArchive(full, tag),
        };
        return null;
    }

    /// <summary>What is known and not supported, each with the way that is; null for what may be a registry's name.</summary>
    private static string? Refusal(string text, string scheme, bool isUrl)
    {
        const string FetchSif = "fetch it to a file with 'apptainer pull' and give the path of that file";
        switch (scheme)
        {
            case "oras" when isUrl:
                return $"oras:// (a SIF file kept in a registry) is not supported; {FetchSif}";
            case "library" or "shub" when isUrl:
                return $"{scheme}:// is not supported; {FetchSif}";
            case "http" or "https" when isUrl:
                return $"{scheme}:// is not supported; download the file and give its path, or write docker://HOST/NAME if this is a registry";
            case "docker-daemon" or "containers-storage" or "instance":
                return $"{scheme}: needs a daemon or a store of another program; save the image with 'docker save' or 'skopeo copy' "
                    + "and give docker-archive:FILE or oci:DIR";
            default:
                break;
        }

        if (isUrl)
        {
            return scheme.Equals("docker", StringComparison.OrdinalIgnoreCase)
                ? "write 'docker://' in lower case"
                : $"the scheme {Quoted.Text(scheme + "://")} is not known; use docker://, oci:, oci-archive:, docker-archive: or a path";
        }

        string shown = Quoted.Clean(text);
        return LooksLikeFile(text)
            ? $"it looks like a file; write ./{shown} for a file in the current directory, or docker://{shown} for a registry's image"
            : null;
    }

    private static bool LooksLikeFile(string text) =>
        text.EndsWith(".sif", StringComparison.OrdinalIgnoreCase) || text.EndsWith(".simg", StringComparison.OrdinalIgnoreCase)
        || text.EndsWith(".sqsh", StringComparison.OrdinalIgnoreCase) || text.EndsWith(".squashfs", StringComparison.OrdinalIgnoreCase)
        || text.EndsWith(".tar", StringComparison.OrdinalIgnoreCase) || text.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase);
}
