using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>When a bearer token ends, read from the token itself (a JWT). Its signature is the server's business. Pure.</summary>
/// <param name="Issued">Null where it does not say.</param>
/// <param name="Ends">From then on it is refused.</param>
internal sealed record TokenLife(DateTimeOffset? Issued, DateTimeOffset Ends)
{
    private static readonly TimeSpan LongestNotice = TimeSpan.FromHours(1);

    /// <summary>Null for a token that is no JWT or never ends.</summary>
    internal static TokenLife? Of(string token)
    {
        string[] parts = token.Split('.');
        if (parts.Length != 3)
        {
            return null;
        }

        try
        {
            string payload = parts[1].Replace('-', '+').Replace('_', '/');
            using JsonTextReader reader = new(new StringReader(Encoding.UTF8.GetString(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '='))))) { DateParseHandling = DateParseHandling.None, MaxDepth = 16 };
            JObject claims = JObject.Load(reader);
            return Time(claims["exp"]) is { } ends ? new TokenLife(Time(claims["iat"]), ends) : null;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            // Opaque tokens have three parts by chance.
            return null;
        }
    }

    /// <summary>In the last quarter of its life, or in its last hour where that is longer than four hours.</summary>
    internal bool IsNearItsEnd(DateTimeOffset now)
    {
        TimeSpan notice = Issued is { } issued && (Ends - issued) / 4 < LongestNotice ? (Ends - issued) / 4 : LongestNotice;
        return Ends - now <= notice;
    }

    private static DateTimeOffset? Time(JToken? claim) => claim is JValue { Type: JTokenType.Integer or JTokenType.Float } value && (double)value is > 0 and < 1e11 and var seconds
        ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
        : null;
}
