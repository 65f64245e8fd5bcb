using System.Net;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>Authentication of the loopback registry: basic, or Docker's token scheme.</summary>
internal sealed class RegistryGate(RegistryAccess access, string address)
{
    /// <summary>Null lets the request through.</summary>
    internal RegistryAnswer? Check(string? authorization, string repository) => access switch
    {
        RegistryAccess.Open => null,
        RegistryAccess.Basic basic => authorization == BasicHeader(basic.User, basic.Password) ? null : Refuse("Basic realm=\"loopback\""),
        RegistryAccess.Bearer bearer => authorization == "Bearer " + bearer.Token
            ? null
            : Refuse($"Bearer realm=\"http://{address}/token\",service=\"loopback\""
                + (repository.Length == 0 ? "" : $",scope=\"repository:{repository}:pull\"")),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>Answers /token.</summary>
    internal RegistryAnswer Token(string? authorization)
    {
        if (access is not RegistryAccess.Bearer bearer)
        {
            return RegistryAnswer.Error((int)HttpStatusCode.NotFound, "UNSUPPORTED", "this registry gives out no tokens");
        }

        return bearer.User is null || authorization == BasicHeader(bearer.User, bearer.Password ?? "")
            ? RegistryAnswer.Json(new JObject { ["token"] = bearer.Token, ["access_token"] = bearer.Token, ["expires_in"] = 300 })
            : Refuse("Basic realm=\"loopback\"");
    }

    private static string BasicHeader(string user, string password) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));

    private static RegistryAnswer Refuse(string challenge) =>
        RegistryAnswer.Error((int)HttpStatusCode.Unauthorized, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", challenge));
}
