using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;

namespace GridWrapper.Registries;

/// <summary>
/// Requests to registries with authentication, redirects and retries. Redirects are followed here, because the Authorization header must
/// not go to another host: blob stores get signed URLs instead.
/// </summary>
internal sealed class RegistryTransport
{
    private const int MaxRedirects = 5;
    private readonly HttpExchange _exchange;
    private readonly RegistryAuthenticator _authenticator;
    private RegistryRetries? _retries;

    internal RegistryTransport(HttpExchange exchange, RegistryAuthenticator authenticator, RetrySettings settings)
    {
        Settings = settings;
        _exchange = exchange;
        _authenticator = authenticator;
    }

    internal RetrySettings Settings { get; }

    /// <summary>Asks, and gives the successful answer to <paramref name="use"/>, which owns it. What fails in passing, there too, is tried again.</summary>
    /// <exception cref="Diagnostics.GridWrapperException">Not found, denied, unreachable, or an answer that makes no sense.</exception>
    internal async Task<T> AskAsync<T>(RegistryRequest request, Func<HttpResponseMessage, CancellationToken, Task<T>> use, CancellationToken ct)
    {
        try
        {
            return await OnceAsync(request, use, ct);
        }
        catch (TransientRegistryException e)
        {
            // Where nothing fails the library for retries is not even loaded.
            _retries ??= new RegistryRetries(Settings);
            return await _retries.AgainAsync(request, e, token => OnceAsync(request, use, token), ct);
        }
    }

    private async Task<T> OnceAsync<T>(RegistryRequest request, Func<HttpResponseMessage, CancellationToken, Task<T>> use, CancellationToken ct)
    {
        HttpResponseMessage response = await AuthorisedAsync(request, ct);
        try
        {
            return await use(response, ct);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private async Task<HttpResponseMessage> AuthorisedAsync(RegistryRequest request, CancellationToken ct)
    {
        HttpResponseMessage response = await FollowAsync(request, _authenticator.Known(request), ct);
        if (response.StatusCode == HttpStatusCode.Unauthorized && IsRegistry(request, response.RequestMessage!.RequestUri!))
        {
            using HttpResponseMessage refused = response;
            AuthenticationHeaderValue header = await _authenticator.AnswerAsync(request, refused, ct);
            response = await FollowAsync(request, header, ct);
        }

        if (response.StatusCode == HttpStatusCode.OK || (response.StatusCode == HttpStatusCode.PartialContent && request.IsRange))
        {
            return response;
        }

        using (response)
        {
            string detail = await ErrorBody.ReadAsync(response, ct);
            string status = RegistryFault.Status(response.StatusCode) + detail;
            throw response.StatusCode switch
            {
                HttpStatusCode.NotFound => RegistryFault.NotFound(request, detail),
                HttpStatusCode.ProxyAuthenticationRequired => RegistryFault.ProxyRefused(request),
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => RegistryFault.Denied(request, status, "what was given as credentials, if anything, was not enough"),
                _ => RegistryFault.Strange(request, $"{RegistryFault.Redact(response.RequestMessage!.RequestUri!)} answered {status}"),
            };
        }
    }

    private async Task<HttpResponseMessage> FollowAsync(RegistryRequest request, AuthenticationHeaderValue? authorization, CancellationToken ct)
    {
        if (request.Shortcut?.Known is { } known && await TryShortcutAsync(request, known, ct) is { } direct)
        {
            return direct;
        }

        Uri uri = request.Uri;
        for (int hop = 0; hop <= MaxRedirects; hop++)
        {
            HttpResponseMessage response = await _exchange.SendAsync(Message(request, uri, authorization), ct);
            if (response.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
                or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect))
            {
                Remember(request, uri, response);
                return response;
            }

            using (response)
            {
                uri = Next(request, uri, response.Headers.Location);
            }
        }

        throw RegistryFault.Strange(request, $"it redirected more than {MaxRedirects} times, last to {RegistryFault.Redact(uri)}");
    }

    /// <summary>Only what worked, and only where it is not the registry itself, which wants to be asked properly.</summary>
    private static void Remember(RegistryRequest request, Uri uri, HttpResponseMessage response)
    {
        if (request.Shortcut is { } shortcut && response.IsSuccessStatusCode && !IsRegistry(request, uri))
        {
            shortcut.Known = uri;
        }
    }

    /// <summary>Null where the address has expired, or anything else is wrong with it: the registry has to be asked again.</summary>
    private async Task<HttpResponseMessage?> TryShortcutAsync(RegistryRequest request, Uri known, CancellationToken ct)
    {
        HttpResponseMessage? response = null;
        try
        {
            response = await _exchange.SendAsync(Message(request, known, authorization: null), ct);
        }
        finally
        {
            if (response is not { IsSuccessStatusCode: true })
            {
                request.Shortcut!.Known = null;
            }
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        response.Dispose();
        return null;
    }

    /// <summary>Where a redirect leads: never to something else than the web, and never from TLS to plain http except on this very node.</summary>
    internal static Uri Next(RegistryRequest request, Uri from, Uri? location)
    {
        if (location is null)
        {
            throw RegistryFault.Strange(request, $"{RegistryFault.Redact(from)} redirected to nowhere");
        }

        Uri to = new(from, location);
        bool downgrade = from.Scheme == Uri.UriSchemeHttps && to.Scheme == Uri.UriSchemeHttp && !LoopbackHosts.Contains(to.Host);
        return to.Scheme is "http" or "https" && !downgrade
            ? to
            : throw RegistryFault.Strange(request, $"{RegistryFault.Redact(from)} redirected to {RegistryFault.Redact(to)}, which was not followed: it is {(downgrade ? "not encrypted" : "no web address")}");
    }

    private static HttpRequestMessage Message(RegistryRequest request, Uri uri, AuthenticationHeaderValue? authorization)
    {
        var message = new HttpRequestMessage(HttpMethod.Get, uri);
        foreach (string type in request.Accept)
        {
            message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
        }

        if (request.IsRange)
        {
            message.Headers.Range = new RangeHeaderValue(request.From, request.To);
        }

        message.Headers.Authorization = IsRegistry(request, uri) ? authorization : null;
        return message;
    }

    private static bool IsRegistry(RegistryRequest request, Uri uri) =>
        Uri.Compare(uri, request.Endpoint.Base, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;
}
