using System.Net;

namespace GridWrapper.Registries;

/// <summary>The proxies of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), never for this very node.</summary>
internal sealed class LoopbackBypassProxy(IWebProxy environment) : IWebProxy
{
    public ICredentials? Credentials
    {
        get => environment.Credentials;
        set => environment.Credentials = value;
    }

    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : environment.GetProxy(destination);

    public bool IsBypassed(Uri host) => LoopbackHosts.Contains(host.Host) || environment.IsBypassed(host);
}
