using System.Net;

namespace GridWrapper.Registries;

/// <summary>Which host names mean this very node, where plain http gives nothing away.</summary>
internal static class LoopbackHosts
{
    /// <param name="host">A host without port; IPv6 with or without brackets.</param>
    internal static bool Contains(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}
