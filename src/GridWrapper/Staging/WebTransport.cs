using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Security;
using GridWrapper.Reporting;
using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>Requests to web storages: credentials to those only who may see them, redirects followed by our own rules, and a body that is not sent before the server agrees.</summary>
internal sealed class WebTransport(StorageCredentials credentials, StoragePolicy policy, TimeProvider time) : IDisposable
{
    private const int MaxRedirects = 5;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(30);

    /// <summary>A server that knows nothing of "Expect: 100-continue" gets the body after this time all the same.</summary>
    private static readonly TimeSpan Continue = TimeSpan.FromSeconds(3);

    private readonly Dictionary<(bool Shown, bool Local), HttpMessageInvoker> _invokers = [];
    private readonly SemaphoreSlim _building = new(1, 1);

    /// <summary>Sends a request and gives the final answer, whatever its status.</summary>
    /// <exception cref="StorageException">No connection, or a redirect that is not followed.</exception>
    internal async Task<HttpResponseMessage> SendAsync(WebRequest request, StallGuard guard)
    {
        Uri url = request.Url;
        for (int hop = 0; hop <= MaxRedirects; hop++)
        {
            guard.Restart();
            HttpResponseMessage answer = await SendAsync(request, url, guard);
            if ((int)answer.StatusCode is not (301 or 302 or 307 or 308) && !(answer.StatusCode == HttpStatusCode.SeeOther && request.Method is "GET" or "HEAD"))
            {
                return answer;
            }

            using (answer)
            {
                url = WebRules.Next(url, answer.Headers.Location, policy);
            }
        }

        throw new StorageException(StorageTrouble.Unusable, $"{WebRules.Redact(request.Url)} redirected more than {MaxRedirects} times, last to {WebRules.Redact(url)}");
    }

    /// <summary>The same where a checksum is asked for: a server that computes none (XRootD) may refuse to be asked for one, and is asked without.</summary>
    /// <exception cref="StorageException">As above.</exception>
    internal async Task<HttpResponseMessage> SendAskingAsync(WebRequest request, StallGuard guard)
    {
        HttpResponseMessage answer = await SendAsync(request, guard);
        if ((int)answer.StatusCode is not (400 or 405 or 501))
        {
            return answer;
        }

        answer.Dispose();
        return await SendAsync(request with { WantDigest = null }, guard);
    }

    /// <summary>An answer that is not among the expected ones, as a failure.</summary>
    internal Task<StorageException> FaultAsync(HttpResponseMessage answer, WebRequest request, StallGuard guard) =>
        WebAnswer.FaultAsync(answer, request, WebRules.MaySee(request.Url, request.Url, policy) ? credentials.Describe : "credentials are not shown without TLS", guard.Token);

    public void Dispose()
    {
        foreach (HttpMessageInvoker invoker in _invokers.Values)
        {
            invoker.Dispose();
        }

        _building.Dispose();
    }

    private async Task<HttpResponseMessage> SendAsync(WebRequest request, Uri url, StallGuard guard)
    {
        bool shown = WebRules.MaySee(url, request.Url, policy);
        HttpMessageInvoker invoker = await InvokerAsync(shown, url.IsLoopback, guard.Token);
        using HttpRequestMessage message = Message(request, url);
        if (shown && credentials.Token is { } token)
        {
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Read());
        }

        try
        {
            return await invoker.SendAsync(message, guard.Token);
        }
        catch (OperationCanceledException e) when (guard.Stalled)
        {
            throw new StorageException(StorageTrouble.Stalled, $"{WebRules.Redact(url)}: nothing moved for too long during {request.Method}", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw e.InnerException as StorageException ?? WebAnswer.Fault(e, url);
        }
    }

    private static HttpRequestMessage Message(WebRequest request, Uri url)
    {
        HttpRequestMessage message = new(new HttpMethod(request.Method), url) { Content = request.Body?.Invoke() };
        message.Headers.UserAgent.Add(new ProductInfoHeaderValue("gridwrap", ProductVersion.Number));
        message.Headers.ExpectContinue = request.Body is not null;
        if (request.WantDigest is { } digest)
        {
            message.Headers.Add("Want-Digest", digest);
        }

        if (request.OnlyNew)
        {
            message.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any);
        }

        if (request.From > 0)
        {
            message.Headers.Range = new RangeHeaderValue(request.From, null);
            message.Headers.IfRange = request.Version is { IsWeak: false } version ? new RangeConditionHeaderValue(version) : null;
        }

        return message;
    }

    private async Task<HttpMessageInvoker> InvokerAsync(bool shown, bool local, CancellationToken ct)
    {
        await _building.WaitAsync(ct);
        try
        {
            if (!_invokers.TryGetValue((shown, local), out HttpMessageInvoker? invoker))
            {
                _invokers[(shown, local)] = invoker = new HttpMessageInvoker(await HandlerAsync(shown, local, ct));
            }

            return invoker;
        }
        finally
        {
            _building.Release();
        }
    }

    private async Task<SocketsHttpHandler> HandlerAsync(bool shown, bool local, CancellationToken ct)
    {
        Diagnostics.CertificateHome.Ensure();
        SslClientAuthenticationOptions tls = new();
        if (shown && credentials is { Token: null, ProxyFile: { } proxy })
        {
            tls.ClientCertificateContext = ProxyCertificate.Load(proxy, time, limitedToo: true);
        }

        if (credentials.CaDirectory is { } directory)
        {
            tls.CertificateChainPolicy = await CaDirectory.TrustAsync(directory, credentials.TrustSystemToo, time, ct);
        }

        return new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = !local,
            Proxy = Diagnostics.EnvironmentProxy.Of(HttpClient.DefaultProxy),
            ConnectTimeout = ConnectTimeout,
            Expect100ContinueTimeout = Continue,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(15),
            SslOptions = tls,
        };
    }
}
