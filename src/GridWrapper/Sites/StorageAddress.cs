namespace GridWrapper.Sites;

/// <summary>
/// A place that files are fetched from or delivered to: a directory, a web (DAV) server or an XRootD server. Where the address ends in "/{rucio}", each file lies at
/// Rucio's deterministic path below it, else directly in it. Pure.
/// </summary>
/// <param name="Kind">By which protocol.</param>
/// <param name="Base">Absolute path (empty for Harvester's own), or an address with the scheme http, https, root, roots, xroot or xroots; without a slash at its end.</param>
/// <param name="Deterministic">Below it files lie at Rucio's deterministic paths.</param>
internal sealed record StorageAddress(StorageKind Kind, string Base, bool Deterministic)
{
    private const string Mark = "/{rucio}";
    private const string Harvester = "harvester";

    /// <summary>What is wrong with an address, null when nothing is.</summary>
    internal static string? Fault(string text)
    {
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return !text.StartsWith('/') ? $"\"{text}\" is neither an absolute directory nor an address such as davs://HOST/PATH or root://HOST//PATH"
                : text.Split('/').Contains("..") ? $"\"{text}\" holds \"..\", which is not allowed"
                : null;
        }

        string name = text[..scheme];
        if (name == "file")
        {
            return text.StartsWith("file:///", StringComparison.Ordinal) ? null : $"\"{text}\" names another host: file:///DIRECTORY is expected";
        }

        if (name == Harvester)
        {
            string rest = text[(scheme + "://".Length)..];
            return rest.Length == 0 || (rest.StartsWith('/') && !rest.Split('/').Contains("..")) ? null : $"\"{text}\" is neither harvester:// nor harvester:///DIRECTORY";
        }

        if (KindOf(name) is null)
        {
            return $"\"{name}\" is no protocol that files can be moved by: a directory, https, davs, http, dav, root, roots or harvester is expected";
        }

        bool parses = Uri.TryCreate(text.Replace(Mark, "", StringComparison.Ordinal), UriKind.Absolute, out Uri? uri) && uri.Host.Length > 0;
        return !parses ? $"\"{text}\" is not an address such as davs://HOST/PATH or root://HOST//PATH"
            : uri!.UserInfo.Length > 0 ? $"the address of {uri.Host} holds a user or password: credentials are given by BEARER_TOKEN_FILE or X509_USER_PROXY"
            : text.AsSpan().ContainsAny('?', '#') ? $"the address of {uri.Host} holds a '?' or '#': tokens are given by BEARER_TOKEN_FILE"
            : null;
    }

    /// <summary>Reads an address that has no <see cref="Fault"/>.</summary>
    internal static StorageAddress Of(string text)
    {
        if (text.StartsWith(Harvester + "://", StringComparison.Ordinal))
        {
            return new StorageAddress(StorageKind.Harvester, text[(Harvester.Length + "://".Length)..].TrimEnd('/'), false);
        }

        string trimmed = (text.StartsWith("file://", StringComparison.Ordinal) ? Uri.UnescapeDataString(text["file://".Length..]) : text).TrimEnd('/');
        bool deterministic = trimmed.EndsWith(Mark, StringComparison.Ordinal);
        trimmed = (deterministic ? trimmed[..^Mark.Length] : trimmed).TrimEnd('/');
        int scheme = trimmed.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return new StorageAddress(StorageKind.Directory, trimmed, deterministic);
        }

        string name = trimmed[..scheme];
        string rest = trimmed[scheme..];
        if (KindOf(name) == StorageKind.Web)
        {
            return new StorageAddress(StorageKind.Web, (name.EndsWith('s') ? "https" : "http") + rest, deterministic);
        }

        // Without a path the root of the server is meant, which XRootD writes as a second slash.
        return new StorageAddress(StorageKind.Xrootd, rest.IndexOf('/', "://".Length) < 0 ? trimmed + "/" : trimmed, deterministic);
    }

    /// <summary>Where a file lies: a path, or an address.</summary>
    /// <param name="lfn">A file name without a slash.</param>
    /// <param name="scope">Rucio's scope of it; only a deterministic address needs one.</param>
    internal string PlaceOf(string lfn, string? scope)
    {
        string relative = Deterministic ? RucioPath.Of(scope ?? "", lfn) : lfn;
        return Base + "/" + (Kind == StorageKind.Web ? string.Join('/', relative.Split('/').Select(Uri.EscapeDataString)) : relative);
    }

    public override string ToString() => (Kind == StorageKind.Harvester ? "harvester://" : "") + Base + (Deterministic ? Mark : "");

    private static StorageKind? KindOf(string scheme) => scheme switch
    {
        "http" or "https" or "dav" or "davs" => StorageKind.Web,
        "root" or "roots" or "xroot" or "xroots" => StorageKind.Xrootd,
        _ => null,
    };
}

internal enum StorageKind
{
    Directory,
    Web,
    Xrootd,

    /// <summary>Somebody else moves the outputs.</summary>
    Harvester,
}
