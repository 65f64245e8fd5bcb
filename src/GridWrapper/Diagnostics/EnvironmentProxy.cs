using System.Net;

namespace GridWrapper.Diagnostics;

/// <summary>
/// The proxies of the environment, never for this very node, and not for what NO_PROXY names. .NET knows exact names and ".domain" there; sites write for curl and Go as well: a name
/// stands for the hosts below it, too, "10.0.0.0/8" for a network, "*" for everything, and a port may follow.
/// </summary>
/// <param name="proxies">What .NET makes of the environment.</param>
/// <param name="noProxy">NO_PROXY.</param>
internal sealed class EnvironmentProxy(IWebProxy proxies, string? noProxy) : IWebProxy
{
    private static readonly char[] Separators = [',', ' ', ';'];
    private readonly string[] _direct = (noProxy ?? "").Split(Separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public ICredentials? Credentials
    {
        get => proxies.Credentials;
        set => proxies.Credentials = value;
    }

    internal static EnvironmentProxy Of(IWebProxy proxies) =>
        new(proxies, Environment.GetEnvironmentVariable("no_proxy") ?? Environment.GetEnvironmentVariable("NO_PROXY"));

    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : proxies.GetProxy(destination);

    public bool IsBypassed(Uri host) => host.IsLoopback || _direct.Any(entry => Names(entry, host)) || proxies.IsBypassed(host);

    private static bool Names(string entry, Uri uri)
    {
        if (entry == "*")
        {
            return true;
        }

        string host = uri.IdnHost.Trim('[', ']').TrimEnd('.');
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            (string start, string? length) = entry.Split('/', 2) is [var before, var after] ? (before, after) : (entry, null);
            return IPAddress.TryParse(WithoutPort(start, uri).Trim('[', ']'), out IPAddress? network) && IsIn(address, network, length);
        }

        string name = WithoutPort(entry, uri).TrimStart('*').TrimStart('.');
        return name.Length > 0 && host.EndsWith(name, StringComparison.OrdinalIgnoreCase) && (host.Length == name.Length || host[^(name.Length + 1)] == '.');
    }

    /// <summary>Empty where another port is named.</summary>
    private static string WithoutPort(string entry, Uri uri)
    {
        int colon = entry.LastIndexOf(':');
        bool isPort = colon > 0 && (entry.IndexOf(':', StringComparison.Ordinal) == colon || entry[colon - 1] == ']');
        return !isPort ? entry : entry[(colon + 1)..] == uri.Port.ToString(CultureInfo.InvariantCulture) ? entry[..colon] : "";
    }

    /// <param name="length">Bits that count; null for all.</param>
    private static bool IsIn(IPAddress address, IPAddress network, string? length)
    {
        byte[] wanted = network.GetAddressBytes();
        byte[] given = (wanted.Length == 4 && address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).GetAddressBytes();
        int all = wanted.Length * 8;
        if (wanted.Length != given.Length || !int.TryParse(length ?? all.ToString(CultureInfo.InvariantCulture), NumberStyles.None, CultureInfo.InvariantCulture, out int bits) || bits > all)
        {
            return false;
        }

        for (int i = 0; i < wanted.Length; i++)
        {
            int mask = 0xFF00 >> Math.Clamp(bits - (i * 8), 0, 8);
            if (((wanted[i] ^ given[i]) & mask & 0xFF) != 0)
            {
                return false;
            }
        }

        return true;
    }
}
