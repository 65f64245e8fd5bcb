using GridWrapper.Diagnostics;

namespace GridWrapper.Sites;

/// <summary>What single values of a profile must look like. Each rule answers null for a good value, else what is wrong with it.</summary>
internal static class ProfileRules
{
    /// <summary>Every strategy that this program or a later version of it has a name for.</summary>
    internal static readonly ImmutableArray<string> StrategyNames = ["cvmfs-flat", "cvmfs-layers", "registry", "local", "directory", "sif", "packed", "lazy"];

    internal static readonly ImmutableArray<string> LauncherNames = ["rootless", "apptainer"];

    internal static readonly ImmutableArray<string> AcceptOrRefuse = ["accept", "refuse"];

    internal static readonly ImmutableArray<string> GpuModes = ["auto", "on", "off"];

    internal static readonly ImmutableArray<string> Personalities = ["auto", "oci", "singularity"];

    internal static string? Anything(string text) => null;

    internal static string? ProfileName(string text) =>
        text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && char.IsAsciiLetterOrDigit(text[0])
            ? null
            : $"\"{text}\" is not a profile name: up to 64 letters, digits, '-', '_', '.', starting with a letter or digit";

    internal static Func<string, string?> OneOf(ImmutableArray<string> allowed) =>
        text => allowed.Contains(text) ? null : $"\"{text}\" is not one of {string.Join(", ", allowed)}{NearestName.Hint(text, allowed)}";

    internal static string? AbsolutePath(string text)
    {
        if (!text.StartsWith('/'))
        {
            return $"\"{text}\" is a relative path: an absolute one is required";
        }

        return NoDotDot(text);
    }

    /// <summary>A path below something else: not absolute, no "..".</summary>
    internal static string? RelativePath(string text) =>
        text.Length == 0 || text.StartsWith('/') ? $"\"{text}\" is not a path below the CVMFS root: it must not be empty or begin with '/'" : NoDotDot(text);

    /// <summary>An absolute path that may hold ${VAR}, also at its beginning.</summary>
    internal static string? ExpandablePath(string text)
    {
        if (EnvironmentReferences.Fault(text) is { } wrong)
        {
            return wrong;
        }

        return text.StartsWith('/') || text.StartsWith("${", StringComparison.Ordinal)
            ? NoDotDot(text)
            : $"\"{text}\" is a relative path: an absolute one, or one beginning with ${{VAR}}, is required";
    }

    /// <summary>Like <see cref="ExpandablePath"/>; CVMFS does not keep the marks that overlay needs.</summary>
    internal static string? CacheRoot(string text) =>
        text == "/cvmfs" || text.StartsWith("/cvmfs/", StringComparison.Ordinal)
            ? $"\"{text}\" lies on CVMFS, where no cache root can be: its image repositories are named under cvmfs.imageRepositories"
            : ExpandablePath(text);

    internal static string? RepositoryName(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_') && char.IsAsciiLetterOrDigit(text[0])
            ? null
            : $"\"{text}\" is not a CVMFS repository name such as atlas.cern.ch";

    /// <summary>A repository, or a directory in one that holds the image tree.</summary>
    internal static string? ImageRepository(string text) => RepositoryName(text.Split('/')[0]) ?? RelativePath(text);

    internal static string? HostAndPort(string text)
    {
        bool parses = Uri.TryCreate("http://" + text + "/", UriKind.Absolute, out Uri? uri) && uri.PathAndQuery == "/" && uri.UserInfo.Length == 0;
        return parses && !text.Contains('/', StringComparison.Ordinal) && !text.Contains('#', StringComparison.Ordinal)
            ? null
            : $"\"{text}\" is not host or host:port (no scheme, no path)";
    }

    internal static string? ServerUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0 && uri.PathAndQuery == "/"
            ? null
            : $"\"{text}\" is not a server address such as https://pandaserver.cern.ch:25443 (no path, no credentials)";

    /// <summary>A server, or a project on it that mirrors: https://mirror.site:5000, https://harbor.site/dockerhub.</summary>
    internal static string? MirrorUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0
            && uri.AbsolutePath.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '/' or '.' or '-' or '_') && !uri.AbsolutePath.Contains("//", StringComparison.Ordinal)
            ? null
            : $"\"{text}\" is not the address of a mirror such as https://mirror.site:5000 or https://harbor.site/project (no credentials)";

    internal static string? NotEmpty(string text) => text.Length > 0 ? null : "an empty text is not allowed";

    internal static string? VariableName(string text) => EnvironmentReferences.IsName(text) ? null : $"\"{text}\" is not the name of an environment variable";

    /// <summary>NAME or PREFIX*.</summary>
    internal static string? VariablePattern(string text) =>
        text == "*" || EnvironmentReferences.IsName(text.EndsWith('*') ? text[..^1] : text) ? null : $"\"{text}\" is neither the name of an environment variable nor a prefix with one '*' at its end";

    private static string? NoDotDot(string text) => text.Split('/').Contains("..") ? $"\"{text}\" holds \"..\", which is not allowed" : null;
}
