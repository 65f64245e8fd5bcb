using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Security.Authentication;

namespace GridWrapper.Registries;

/// <summary>
/// One HTTP request and its answer's head. No redirects, no decompression, no total time limit; a server that sends nothing for the stall time is given up.
/// Connection failures and "come back later" answers become <see cref="TransientRegistryException"/>.
/// </summary>
internal sealed class HttpExchange : IDisposable
{
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromSeconds(60);
    private readonly HttpMessageInvoker _http;
    private readonly TimeProvider _clock;
    private readonly Diagnostics.EnvironmentProxy _proxy = Diagnostics.EnvironmentProxy.Of(HttpClient.DefaultProxy);

    internal HttpExchange(TimeSpan stall, TimeProvider clock)
    {
        Diagnostics.CertificateHome.Ensure();
        Stall = stall;
        _clock = clock;
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = stall,
            UseCookies = false,
            Proxy = _proxy,
            MaxResponseHeadersLength = 64,
        });
    }

    internal TransferCounter Counter { get; } = new();

    internal TimeSpan Stall { get; }

    public void Dispose() => _http.Dispose();

    /// <exception cref="TransientRegistryException">Not reached, stalled, or asked to come back later (429, 5xx).</exception>
    internal async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("gridwrap", typeof(HttpExchange).Assembly.GetName().Version?.ToString(3)));
        Counter.AddRequest();
        HttpResponseMessage response = await SendWithinStallAsync(request, ct);
        if (response.StatusCode != HttpStatusCode.TooManyRequests && (int)response.StatusCode < 500)
        {
            return response;
        }

        using (response)
        {
            string detail = await ErrorBody.ReadAsync(response, ct);
            throw new TransientRegistryException($"{RegistryFault.Redact(request.RequestUri!)} answered {RegistryFault.Status(response.StatusCode)}{detail}{Limits(response)}") { RetryAfter = RetryAfter(response) };
        }
    }

    /// <summary>The body of an answer as a stream that counts, and that fails when nothing comes for the stall time.</summary>
    internal async Task<Stream> OpenBodyAsync(HttpResponseMessage response, CancellationToken ct) =>
        new GuardedBody(await response.Content.ReadAsStreamAsync(ct), response, new BodyGuard(Stall, Counter, _clock));

    /// <summary>The whole body, or null if it is longer than allowed.</summary>
    internal async Task<byte[]?> ReadSmallAsync(HttpResponseMessage response, int maxBytes, CancellationToken ct)
    {
        try
        {
            await using Stream body = await OpenBodyAsync(response, ct);
            byte[] bytes = new byte[maxBytes + 1];
            int length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, ct);
            return length > maxBytes ? null : bytes[..length];
        }
        catch (Layers.TransferBrokenException e)
        {
            throw new TransientRegistryException(e.Message, e);
        }
    }

    private async Task<HttpResponseMessage> SendWithinStallAsync(HttpRequestMessage request, CancellationToken ct)
    {
        string url = RegistryFault.Redact(request.RequestUri!);
        Uri? proxy = _proxy.GetProxy(request.RequestUri!);
        string way = proxy is null ? "" : $" through the proxy {proxy.Scheme}://{proxy.Authority}";
        using var timer = new CancellationTokenSource(Stall, _clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(ct, timer.Token);
        try
        {
            return await _http.SendAsync(request, both.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new TransientRegistryException($"{url} did not answer{way} within {Stall.TotalSeconds:0.#} s", e);
        }
        catch (HttpRequestException e)
        {
            // The message names the proxy with the password in its address: it is not repeated. Some proxies answer 401 to a wrong password.
            bool refused = e.HttpRequestError == HttpRequestError.ProxyTunnelError;
            if (refused && e.StatusCode is HttpStatusCode.ProxyAuthenticationRequired or HttpStatusCode.Unauthorized)
            {
                return new HttpResponseMessage(HttpStatusCode.ProxyAuthenticationRequired) { RequestMessage = request };
            }

            bool distrusted = e.InnerException is AuthenticationException;
            string why = distrusted ? "its TLS certificate is not trusted on this node: " + e.InnerException!.Message : refused ? NoTunnel(e.StatusCode) : Innermost(e);
            throw new TransientRegistryException($"{url} could not be reached{way}: {why}", refused ? null : e)
            {
                // A proxy that answers 5xx was reached, and did not reach the registry.
                AtProxy = proxy is not null && (e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError || (refused && (int?)e.StatusCode is not >= 500)),
            };
        }
    }

    /// <summary>Docker Hub says how many pulls are left to this address or account, and of how many.</summary>
    private static string Limits(HttpResponseMessage response) => string.Concat(((string[])["ratelimit-limit", "ratelimit-remaining"])
        .Where(name => response.Headers.Contains(name)).Select(name => $", {name} {Diagnostics.Quoted.Clean(string.Join(' ', response.Headers.GetValues(name)))}"));

    private static string NoTunnel(HttpStatusCode? status) => status is { } code ? string.Create(CultureInfo.InvariantCulture, $"it opened no tunnel, {(int)code}") : "it opened no tunnel";

    private static string Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e.Message;

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        TimeSpan? asked = response.Headers.RetryAfter?.Delta ?? response.Headers.RetryAfter?.Date - _clock.GetUtcNow();
        return asked is { } span ? TimeSpan.FromTicks(Math.Clamp(span.Ticks, 0, LongestRetryAfter.Ticks)) : null;
    }
}
