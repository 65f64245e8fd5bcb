using GridWrapper.Diagnostics;

namespace GridWrapper.Reporting;

/// <summary>
/// What this side shows to the server and whom it trusts, found by the rules of the pilot and of the PanDA client (environment variables only; nothing is asked).
/// A token is preferred to a proxy.
/// </summary>
internal sealed record PandaCredentials
{
    /// <summary>Nothing to show and the system's own trust.</summary>
    internal static PandaCredentials None { get; } = new();

    public TokenSource? Token { get; init; }

    /// <summary>File with the key by which the token may be renewed; null for none.</summary>
    public string? TokenKeyFile { get; init; }

    /// <summary>The virtual organisation and role the token is used for, sent as Origin; the server refuses tokens without it.</summary>
    public string? Origin { get; init; }

    /// <summary>PEM file with leaf, key and chain.</summary>
    public string? ProxyFile { get; init; }

    /// <summary>Directory of CA certificates (*.0, *.pem); null: the system's.</summary>
    public string? CaDirectory { get; init; }

    /// <summary>The system's certificates are trusted beside those of <see cref="CaDirectory"/>: the directory was found, not asked for.</summary>
    public bool TrustSystemToo { get; init; }

    /// <summary>False only with PANDA_VERIFY_HOST=off.</summary>
    public bool VerifyServer { get; init; } = true;

    /// <summary>A token or a proxy is there to be shown.</summary>
    public bool Any => Token is not null || ProxyFile is not null;

    /// <summary>Searches the environment.</summary>
    /// <exception cref="GridWrapperException">A token is named but not found, and there is no proxy either; or a token has no Origin.</exception>
    internal static PandaCredentials FromEnvironment(CredentialSurroundings around)
    {
        PandaCredentials trust = TrustOf(around);
        string? proxy = FindProxy(around);
        TokenSource? token = FindToken(around, proxy is null);
        if (token is null)
        {
            return trust with { ProxyFile = proxy };
        }

        string? origin = around.Get("OIDC_AUTH_ORIGIN") ?? around.Get("PANDA_AUTH_ORIGIN") ?? around.Get("PANDA_AUTH_VO");
        return origin is not null
            ? trust with { Token = token, Origin = origin, TokenKeyFile = FindKey(around) }
            : proxy is not null
                ? trust with { ProxyFile = proxy }
                : throw CredentialFault.Of("find-credentials", $"the bearer token {token} cannot be used without an Origin: set PANDA_AUTH_ORIGIN to <vo> or <vo>.<role>");
    }

    /// <summary>Whose certificates are believed; nothing to show.</summary>
    internal static PandaCredentials TrustOf(CredentialSurroundings around)
    {
        string? explicitCa = around.Get("X509_CERT_DIR");
        return new PandaCredentials
        {
            CaDirectory = explicitCa ?? (around.CaDirectoryExists(DefaultCaDirectory) ? DefaultCaDirectory : null),
            TrustSystemToo = explicitCa is null,
            VerifyServer = around.Get("PANDA_VERIFY_HOST") is not "off",
        };
    }

    private const string DefaultCaDirectory = "/etc/grid-security/certificates";

    /// <summary>X509_USER_PROXY, else the usual place; null when there is none.</summary>
    internal static string? FindProxy(CredentialSurroundings around)
    {
        if (around.Get("X509_USER_PROXY") is { } named)
        {
            return around.Exists(named) ? named : null;
        }

        string usual = $"/tmp/x509up_u{around.Uid.ToString(CultureInfo.InvariantCulture)}";
        return around.Exists(usual) ? usual : null;
    }

    private static TokenSource? FindToken(CredentialSurroundings around, bool must)
    {
        if (around.Get("OIDC_REFRESHED_AUTH_TOKEN") is { } refreshed && around.Exists(refreshed))
        {
            return new TokenSource.InFile(refreshed);
        }

        if ((around.Get("OIDC_AUTH_TOKEN") ?? around.Get("PANDA_AUTH_TOKEN")) is { } name)
        {
            string[] places = [.. TokenPlaces(around, name)];
            string? found = places.FirstOrDefault(around.Exists);
            return found is not null
                ? new TokenSource.InFile(found)
                : must
                    ? throw CredentialFault.Of("find-credentials", $"the bearer token file '{name}' (PANDA_AUTH_TOKEN) was not found; looked for {string.Join(", ", places)}")
                    : null;
        }

        return FindClientToken(around);
    }

    private static string? FindKey(CredentialSurroundings around) =>
        around.Get("PANDA_AUTH_TOKEN_KEY") is { } name ? TokenPlaces(around, name).FirstOrDefault(around.Exists) : null;

    /// <summary>The variables of the PanDA client and of WLCG token discovery.</summary>
    private static TokenSource? FindClientToken(CredentialSurroundings around)
    {
        const string FileScheme = "file:";
        if (around.Get("PANDA_AUTH_ID_TOKEN") is { } given)
        {
            return given.StartsWith(FileScheme, StringComparison.Ordinal) ? new TokenSource.InFile(given[FileScheme.Length..]) : new TokenSource.Given(given);
        }

        return (around.Get("OIDC_AUTH_TOKEN_FILE") ?? around.Get("BEARER_TOKEN_FILE")) is { } file && around.Exists(file) ? new TokenSource.InFile(file) : null;
    }

    /// <summary>
    /// The pilot takes the directory *part* of OIDC_AUTH_DIR, PANDA_AUTH_DIR or X509_USER_PROXY, so a directory written without a trailing slash means its
    /// parent there; both readings are tried.
    /// </summary>
    private static IEnumerable<string> TokenPlaces(CredentialSurroundings around, string name)
    {
        string? directory = around.Get("OIDC_AUTH_DIR") ?? around.Get("PANDA_AUTH_DIR");
        string?[] directories =
        [
            Path.GetDirectoryName(directory ?? around.Get("X509_USER_PROXY")), directory,
            around.Get("PILOT_SOURCE_DIR"), around.Get("PILOT_WORK_DIR"), around.Get("HOME"),
        ];
        return Path.IsPathRooted(name) ? [name] : directories.Where(static d => !string.IsNullOrEmpty(d)).Select(d => Path.Combine(d!, name)).Distinct();
    }
}
