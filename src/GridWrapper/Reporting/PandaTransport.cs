using System.Net;
using System.Net.Http;
using System.Net.Security;
using System.Security.Authentication;
using GridWrapper.Diagnostics;
using RestSharp;

namespace GridWrapper.Reporting;

/// <summary>
/// Sends single requests by RestSharp, byte for byte as the server demands: bodies of known length whose Content-Type carries no charset (with
/// one, the server takes the body for a form and loses it), and an Accept header of exactly application/json (otherwise it answers in Python literals).
/// </summary>
internal sealed class PandaTransport(PandaOptions options) : IDisposable
{
    private const string Json = "application/json";

    /// <summary>Larger than any job; an answer beyond it is cut off as a transport error.</summary>
    private const int AnswerLimit = 64 << 20;

    private static readonly RoomLog Log = new(nameof(PandaTransport));

    private readonly SemaphoreSlim _building = new(1, 1);
    private RestClient? _client;
    private DateTime _proxyStamp;

    /// <summary>Sends one request. Only cancellation by the caller and unusable credentials are exceptions.</summary>
    /// <exception cref="GridWrapperException">The credentials cannot be read or must not be sent over this connection.</exception>
    internal async Task<PandaReply> SendAsync(PandaCall call, CancellationToken ct)
    {
        RefusePlainText();
        string? token = options.Credentials.Token?.Read();
        RestClient client = await ClientAsync(ct);
        using CancellationTokenSource limit = new(options.CallTimeout, options.Time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        RestResponse response = await client.ExecuteAsync(Request(call, token), either.Token);
        ct.ThrowIfCancellationRequested();
        PandaReply reply = limit.IsCancellationRequested
            ? new PandaReply(0, $"no answer within {options.CallTimeout.TotalSeconds:0} s")
            : Reply(response);
        return token is not null && reply.Text.Contains(token, StringComparison.Ordinal)
            ? reply with { Text = reply.Text.Replace(token, "***", StringComparison.Ordinal) }
            : reply;
    }

    public void Dispose()
    {
        _client?.Dispose();
        _building.Dispose();
    }

    private static RestRequest Request(PandaCall call, string? token, string? origin)
    {
        RestRequest request = new(call.Path, call.Body is null ? Method.Get : Method.Post) { Timeout = Timeout.InfiniteTimeSpan };
        request.AddHeader("Accept", Json);
        if (call.Body is { } body)
        {
            // As bytes: a text body would be sent with "; charset=utf-8".
            request.AddParameter(new BodyParameter("", body, call.ContentType, DataFormat.Binary));
        }

        foreach ((string name, string value) in call.Query)
        {
            request.AddQueryParameter(name, value);
        }

        if (token is not null)
        {
            request.AddHeader("Authorization", "Bearer " + token);
            request.AddHeader("Origin", origin ?? "");
        }

        return request;
    }

    private static PandaReply Reply(RestResponse response)
    {
        if (response.ErrorException is { } error && response.StatusCode == 0)
        {
            bool untrusted = ExceptionCauses.Of(error).OfType<AuthenticationException>().Any();
            return new PandaReply(0, ServerAnswer.OneLine(ExceptionCauses.Text(error)), untrusted);
        }

        int status = (int)response.StatusCode;
        string text = response.Content ?? "";
        return status is >= 300 and < 400
            ? new PandaReply(status, $"redirected to {response.GetHeaderValue("Location") ?? "nowhere"}: name that server instead")
            : new PandaReply(status, text);
    }

    private RestRequest Request(PandaCall call, string? token) => Request(call, token, options.Credentials.Origin);

    private void RefusePlainText()
    {
        if (options.Server.Scheme == Uri.UriSchemeHttp && options.Credentials.Any && !options.Server.IsLoopback)
        {
            throw CredentialFault.Of("connect", $"credentials are not sent to {options.Server} without TLS: use https://");
        }
    }

    /// <summary>The client in use; built anew when the proxy was renewed on disk.</summary>
    private async Task<RestClient> ClientAsync(CancellationToken ct)
    {
        await _building.WaitAsync(ct);
        try
        {
            DateTime stamp = options.Credentials.ProxyFile is { } proxy ? File.GetLastWriteTimeUtc(proxy) : default;
            if (_client is null || stamp != _proxyStamp)
            {
                // The one before is left to its idle time-out: another call may be on its way through it.
                _client = await BuildAsync(ct);
                _proxyStamp = stamp;
            }

            return _client;
        }
        finally
        {
            _building.Release();
        }
    }

    private async Task<RestClient> BuildAsync(CancellationToken ct)
    {
        Diagnostics.CertificateHome.Ensure();
        SocketsHttpHandler sockets = new()
        {
            AllowAutoRedirect = false,
            ConnectTimeout = options.ConnectTimeout,
            UseCookies = false,
            UseProxy = !options.Server.IsLoopback,
            Proxy = Diagnostics.EnvironmentProxy.Of(HttpClient.DefaultProxy),
            AutomaticDecompression = DecompressionMethods.GZip,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        };
        if (options.Server.Scheme == Uri.UriSchemeHttps)
        {
            sockets.SslOptions = await TlsAsync(ct);
        }

        RestClientOptions rest = new(options.Server) { FollowRedirects = false, UserAgent = "gridwrap", Timeout = Timeout.InfiniteTimeSpan };
        HttpClient http = new(new BoundedAnswers(AnswerLimit) { InnerHandler = sockets });
        return new RestClient(http, rest, disposeHttpClient: true);
    }

    private async Task<SslClientAuthenticationOptions> TlsAsync(CancellationToken ct)
    {
        PandaCredentials credentials = options.Credentials;
        SslClientAuthenticationOptions tls = new();
        if (credentials.ProxyFile is { } proxy)
        {
            tls.ClientCertificateContext = ProxyCertificate.Load(proxy, options.Time);
        }

        if (!credentials.VerifyServer)
        {
            Log.Warn("the certificate of {Server} is not verified (PANDA_VERIFY_HOST=off)", options.Server);
#pragma warning disable CA5359 // asked for by the site with PANDA_VERIFY_HOST=off
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (credentials.CaDirectory is { } directory)
        {
            tls.CertificateChainPolicy = await CaDirectory.TrustAsync(directory, credentials.TrustSystemToo, options.Time, ct);
        }

        return tls;
    }
}
