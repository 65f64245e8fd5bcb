using System.Collections.Concurrent;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Registries;

/// <summary>Answers a registry's challenges: basic, or a bearer token from the server it names, with or without credentials. Tokens are kept per repository for the life of the client.</summary>
internal sealed class RegistryAuthenticator(CredentialStore store, HttpExchange exchange)
{
    private const int MaxTokenBytes = 1024 * 1024;
    private static readonly RoomLog Log = new(nameof(RegistryAuthenticator));
    private readonly ConcurrentDictionary<(string Host, string Repository), AuthenticationHeaderValue> _headers = [];

    internal AuthenticationHeaderValue? Known(RegistryRequest request) => _headers.GetValueOrDefault((request.Endpoint.Host, request.Repository));

    /// <summary>The header that answers a 401.</summary>
    /// <exception cref="GridWrapperException">There is no answer: no credentials, refused credentials, or a token server that must not be asked.</exception>
    internal async Task<AuthenticationHeaderValue> AnswerAsync(RegistryRequest request, HttpResponseMessage refused, CancellationToken ct)
    {
        ImmutableArray<AuthChallenge> challenges = refused.Headers.NonValidated.TryGetValues("WWW-Authenticate", out HeaderStringValues values)
            ? [.. values.SelectMany(value => AuthChallenge.Parse(value))]
            : [];
        AuthChallenge? chosen = challenges.FirstOrDefault(c => c.Scheme == "bearer") ?? challenges.FirstOrDefault(c => c.Scheme == "basic");
        AuthenticationHeaderValue header = chosen?.Scheme switch
        {
            "bearer" => new AuthenticationHeaderValue("Bearer", await TokenAsync(request, chosen, ct)),
            "basic" => AnswerBasic(request),
            _ => throw RegistryFault.Strange(request, $"it answered 401 with no challenge that is known ({Quoted.Text(string.Join(", ", challenges.Select(c => c.Scheme)))})"),
        };
        _headers[(request.Endpoint.Host, request.Repository)] = header;
        return header;
    }

    private AuthenticationHeaderValue AnswerBasic(RegistryRequest request) =>
        store.Find(request.Endpoint, request.Repository, out string note) is RegistryCredentials.Basic basic
            ? new AuthenticationHeaderValue("Basic", basic.HeaderValue)
            : throw RegistryFault.Denied(request, "401, it wants a user name and password", note);

    private async Task<string> TokenAsync(RegistryRequest request, AuthChallenge challenge, CancellationToken ct)
    {
        string? realm = challenge.Parameters.GetValueOrDefault("realm");
        Uri server = RealmRule.Check(realm, request.Endpoint, out string refusal)
            ?? throw RegistryFault.Strange(request, $"it sends clients to the token server {Quoted.Text(realm)}, which was not asked because {refusal}; no credentials were sent");
        RegistryCredentials? credentials = store.Find(request.Endpoint, request.Repository, out string note);
        if (credentials is RegistryCredentials.RegistryToken own)
        {
            return own.Token;
        }

        Log.Debug("asking {Server} for a token for {Repository}", RegistryFault.Redact(server), request.Repository);
        using HttpRequestMessage message = TokenRequest(server, challenge, request, credentials);
        using HttpResponseMessage response = await exchange.SendAsync(message, ct);
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest)
        {
            string detail = await ErrorBody.ReadAsync(response, ct);
            throw RegistryFault.Denied(request, $"its token server {server.Authority} answered {RegistryFault.Status(response.StatusCode)}{detail}", note);
        }

        return response.IsSuccessStatusCode
            ? await ReadTokenAsync(request, response, ct)
            : throw RegistryFault.Strange(request, $"its token server {RegistryFault.Redact(server)} answered {RegistryFault.Status(response.StatusCode)}");
    }

    private static HttpRequestMessage TokenRequest(Uri server, AuthChallenge challenge, RegistryRequest request, RegistryCredentials? credentials)
    {
        string scope = challenge.Parameters.GetValueOrDefault("scope") ?? $"repository:{request.Repository}:pull";
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal) { ["scope"] = scope };
        if (challenge.Parameters.GetValueOrDefault("service") is { } service)
        {
            parameters["service"] = service;
        }

        if (credentials is RegistryCredentials.IdentityToken identity)
        {
            parameters["grant_type"] = "refresh_token";
            parameters["refresh_token"] = identity.Token;
            parameters["client_id"] = "gridwrap";
            return new HttpRequestMessage(HttpMethod.Post, server) { Content = new FormUrlEncodedContent(parameters) };
        }

        string query = string.Join('&', parameters.Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"));
        var builder = new UriBuilder(server) { Query = server.Query.Length > 1 ? $"{server.Query[1..]}&{query}" : query };
        var message = new HttpRequestMessage(HttpMethod.Get, builder.Uri);
        if (credentials is RegistryCredentials.Basic basic)
        {
            message.Headers.Authorization = new AuthenticationHeaderValue("Basic", basic.HeaderValue);
        }

        return message;
    }

    private async Task<string> ReadTokenAsync(RegistryRequest request, HttpResponseMessage response, CancellationToken ct)
    {
        byte[] body = await exchange.ReadSmallAsync(response, MaxTokenBytes, ct) ?? throw RegistryFault.Strange(request, "its token server's answer is too long");
        try
        {
            JToken root = JsonText.Parse(body, MaxTokenBytes, DuplicatePropertyNameHandling.Replace);
            string? token = root is JObject ? (root["token"] as JValue)?.Value as string ?? (root["access_token"] as JValue)?.Value as string : null;
            bool sendable = token is { Length: > 0 } && token.All(c => c is > ' ' and < '\x7F');
            return sendable ? token! : throw RegistryFault.Strange(request, "its token server's answer holds no token");
        }
        catch (FormatException)
        {
            // The text itself may hold a secret and is not repeated.
            throw RegistryFault.Strange(request, "its token server's answer is not a JSON document");
        }
    }
}
