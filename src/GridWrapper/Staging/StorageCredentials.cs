using GridWrapper.Reporting;

namespace GridWrapper.Staging;

/// <summary>
/// What is shown to storages: the bearer token of WLCG's discovery (BEARER_TOKEN, BEARER_TOKEN_FILE, bt_u&lt;uid&gt;), else the X.509 proxy. The token for the workload
/// manager is none of them: it is not meant for storages and never goes there.
/// </summary>
internal sealed record StorageCredentials
{
    public TokenSource? Token { get; init; }

    /// <summary>PEM file with leaf, key and chain.</summary>
    public string? ProxyFile { get; init; }

    /// <summary>Directory of CA certificates; null: the system's.</summary>
    public string? CaDirectory { get; init; }

    /// <summary>The system's certificates are trusted too: the directory was found, not asked for.</summary>
    public bool TrustSystemToo { get; init; }

    /// <summary>For messages.</summary>
    internal string Describe => (Token, ProxyFile) switch
    {
        ({ } token, _) => $"the bearer token {token} was shown",
        (null, { } proxy) => $"the X.509 proxy {proxy} was shown",
        _ => "no credentials were found to be shown: set BEARER_TOKEN_FILE or X509_USER_PROXY",
    };

    internal static StorageCredentials FromEnvironment(CredentialSurroundings around)
    {
        PandaCredentials trust = PandaCredentials.TrustOf(around);
        return new StorageCredentials
        {
            Token = FindToken(around),
            ProxyFile = PandaCredentials.FindProxy(around),
            CaDirectory = trust.CaDirectory,
            TrustSystemToo = trust.TrustSystemToo,
        };
    }

    private static TokenSource? FindToken(CredentialSurroundings around)
    {
        if (around.Get("BEARER_TOKEN") is { } given)
        {
            return new TokenSource.Given(given.Trim());
        }

        if (around.Get("BEARER_TOKEN_FILE") is { } named)
        {
            return new TokenSource.InFile(named);
        }

        string name = string.Create(CultureInfo.InvariantCulture, $"bt_u{around.Uid}");
        string? found = new[] { around.Get("XDG_RUNTIME_DIR"), "/tmp" }.Where(d => d is not null).Select(d => Path.Combine(d!, name)).FirstOrDefault(around.Exists);
        return found is null ? null : new TokenSource.InFile(found);
    }
}
