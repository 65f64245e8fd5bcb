using GridWrapper.Sites;

namespace GridWrapper.Registries;

/// <summary>Where a registry named in an image reference is spoken to.</summary>
internal sealed record RegistryEndpoint
{
    private const string DockerHub = "docker.io";

    /// <summary>host[:port] as the reference names it; credentials are filed under this.</summary>
    public required string Host { get; init; }

    /// <summary>Scheme and authority, with a trailing slash.</summary>
    public required Uri Base { get; init; }

    /// <summary>host[:port] spoken to without TLS by the site's wish.</summary>
    public required ImmutableArray<string> PlainHttpHosts { get; init; }

    public bool IsPlainHttp => Base.Scheme == Uri.UriSchemeHttp;

    internal static RegistryEndpoint For(string host, RegistryPolicy policy)
    {
        string server = host is DockerHub or "index.docker.io" ? "registry-1.docker.io" : host;
        bool plain = Uri.TryCreate($"http://{server}/", UriKind.Absolute, out Uri? uri) && (LoopbackHosts.Contains(uri.Host) || policy.PlainHttp.Contains(host, StringComparer.OrdinalIgnoreCase));
        return new RegistryEndpoint
        {
            Host = host,
            Base = new Uri($"{(plain ? Uri.UriSchemeHttp : Uri.UriSchemeHttps)}://{server}/"),
            PlainHttpHosts = policy.PlainHttp,
        };
    }

    /// <summary>Names under which credential files may keep this host.</summary>
    internal ImmutableArray<string> CredentialNames => Host is DockerHub or "index.docker.io" or "registry-1.docker.io" ? [DockerHub, "index.docker.io", "registry-1.docker.io"] : [Host];
}
