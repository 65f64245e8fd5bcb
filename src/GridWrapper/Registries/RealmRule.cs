namespace GridWrapper.Registries;

/// <summary>
/// Whether the token server that a registry names may be asked, and given credentials. Decided before any credential is looked up:
/// 1. an absolute http or https URL without user name; 2. https is allowed; 3. http is allowed only if the registry itself is spoken to in
/// plain http and the token server is on this node or listed by the site as plain http. Everything else is refused.
/// </summary>
internal static class RealmRule
{
    /// <returns>The URL, or null with the reason.</returns>
    internal static Uri? Check(string? realm, RegistryEndpoint endpoint, out string refusal)
    {
        bool absolute = Uri.TryCreate(realm, UriKind.Absolute, out Uri? uri);
        if (!absolute || uri!.Scheme is not ("http" or "https"))
        {
            refusal = "it is not an absolute http(s) URL";
        }
        else if (uri.UserInfo.Length > 0)
        {
            refusal = "it holds a user name";
        }
        else if (uri.Scheme == Uri.UriSchemeHttps)
        {
            refusal = "";
        }
        else if (!endpoint.IsPlainHttp)
        {
            refusal = "it is plain http while the registry is spoken to over TLS";
        }
        else
        {
            bool known = LoopbackHosts.Contains(uri.Host) || endpoint.PlainHttpHosts.Contains(uri.Authority, StringComparer.OrdinalIgnoreCase);
            refusal = known ? "" : "it is plain http to a host that is neither this node nor listed in the profile's plain http registries";
        }

        return refusal.Length == 0 ? uri : null;
    }
}
