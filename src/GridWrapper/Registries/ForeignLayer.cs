using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Sites;

namespace GridWrapper.Registries;

/// <summary>
/// Layers that a registry need not hold, because they may not be handed on ("non-distributable", image-spec, layer.md): the descriptor says where they are. That is the image's word alone, so they
/// come from servers that the site names, and from no others; what comes is held against the digest as everything else.
/// </summary>
internal static class ForeignLayer
{
    /// <summary>Where the site allows to fetch it; null for a layer that the registry has to have, and for one that may not be fetched.</summary>
    internal static Uri? Place(Descriptor layer, RegistryPolicy policy) => MediaTypes.IsForeignLayer(layer.MediaType)
        ? layer.Urls.Select(Parse).FirstOrDefault(uri => uri is not null && IsAllowed(uri, policy))
        : null;

    /// <summary>The hosts that it is said to be at, for a message.</summary>
    internal static string Hosts(Descriptor layer) =>
        string.Join(", ", layer.Urls.Select(url => Parse(url)?.Authority ?? Quoted.Text(url)).Distinct(StringComparer.OrdinalIgnoreCase).Take(3));

    internal static RegistryRequest Request(Uri place, string what, RegistryPolicy policy) => new()
    {
        Endpoint = new RegistryEndpoint { Host = place.Authority, Base = new Uri(place, "/"), PlainHttpHosts = policy.PlainHttp },
        Repository = "",
        Path = place.PathAndQuery.TrimStart('/'),
        What = what,
        Phase = Phase.Materialise,
        IsForeign = true,
    };

    private static Uri? Parse(string url) => Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0 ? uri : null;

    private static bool IsAllowed(Uri uri, RegistryPolicy policy)
    {
        bool open = uri.Scheme == Uri.UriSchemeHttps || LoopbackHosts.Contains(uri.Host) || policy.PlainHttp.Contains(uri.Authority, StringComparer.OrdinalIgnoreCase);
        return open && policy.ForeignLayers.Contains(uri.Authority, StringComparer.OrdinalIgnoreCase);
    }
}
