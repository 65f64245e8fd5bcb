using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>Who may see the credentials, and where a redirect may lead. Doors of dCache and XRootD send each transfer on to the server that holds the data. Pure.</summary>
internal static class WebRules
{
    /// <summary>The address's own host on any port, and those that the profile trusts; never without TLS except on this very node.</summary>
    internal static bool MaySee(Uri url, Uri origin, StoragePolicy policy) =>
        (url.Scheme == Uri.UriSchemeHttps || url.IsLoopback)
        && (string.Equals(url.Host, origin.Host, StringComparison.OrdinalIgnoreCase) || Matches(url, policy.TrustedHosts));

    /// <summary>The address that a redirect leads to.</summary>
    /// <exception cref="StorageException">It leads nowhere, off the web, or from TLS to a host that the profile does not allow without.</exception>
    internal static Uri Next(Uri from, Uri? location, StoragePolicy policy)
    {
        if (location is null)
        {
            throw new StorageException(StorageTrouble.Unusable, $"{Redact(from)} redirected to nowhere");
        }

        Uri to = new(from, location);
        if (to.Scheme is not ("http" or "https"))
        {
            throw new StorageException(StorageTrouble.Unusable, $"{Redact(from)} redirected to {Redact(to)}, which is no web address");
        }

        bool downgrade = from.Scheme == Uri.UriSchemeHttps && to.Scheme == Uri.UriSchemeHttp && !to.IsLoopback;
        return !downgrade || Matches(to, policy.PlainHttp)
            ? to
            : throw new StorageException(
                StorageTrouble.Unusable,
                $"{Redact(from)} redirected to {Redact(to)}, which was not followed because it is not encrypted: list {to.Host} under storage.plainHttp in the site profile if that is meant");
    }

    /// <summary>An address without what may be secret in it: doors put tokens into the query of redirects.</summary>
    internal static string Redact(Uri url) => url.GetComponents(UriComponents.Scheme | UriComponents.Host | UriComponents.Port | UriComponents.Path, UriFormat.UriEscaped);

    private static bool Matches(Uri url, ImmutableArray<string> patterns) =>
        patterns.Any(p => p.StartsWith("*.", StringComparison.Ordinal)
            ? url.Host.EndsWith(p[1..], StringComparison.OrdinalIgnoreCase)
            : string.Equals(url.Host, p, StringComparison.OrdinalIgnoreCase));
}
