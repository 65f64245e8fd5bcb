namespace GridWrapper.Probing;

/// <summary>Proxy variables of the environment as NAME=value, with user names and passwords replaced.</summary>
internal static class ProxyProbe
{
    private static readonly string[] Names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];

    internal static ImmutableArray<string> Probe(IReadOnlyDictionary<string, string> environment) =>
        [.. from name in Names where environment.GetValueOrDefault(name) is { Length: > 0 } select $"{name}={Redact(environment[name])}"];

    /// <summary>Everything between the scheme and the last '@' before the path is a credential, however badly it is encoded.</summary>
    internal static string Redact(string value)
    {
        int scheme = value.IndexOf("://", StringComparison.Ordinal);
        int start = scheme < 0 ? 0 : scheme + 3;
        int at = value.LastIndexOf('@');
        return at < start ? value : $"{value[..start]}***{value[at..]}";
    }
}
