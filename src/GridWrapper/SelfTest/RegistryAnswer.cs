using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>What the loopback registry answers to a request.</summary>
internal sealed record RegistryAnswer
{
    public required int Status { get; init; }

    public string ContentType { get; init; } = "application/json";

    public ReadOnlyMemory<byte> Body { get; init; }

    public ImmutableArray<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>The part of <see cref="Body"/> that is sent is cut or changed in this way.</summary>
    public RegistryFaultKind? Fault { get; init; }

    internal static RegistryAnswer Json(JObject document) => new() { Status = 200, Body = Encoding.UTF8.GetBytes(document.ToString(Formatting.None)) };

    /// <summary>An error document of the distribution specification.</summary>
    internal static RegistryAnswer Error(int status, string code, string message, params ImmutableArray<(string Name, string Value)> headers)
    {
        JObject error = new() { ["code"] = code, ["message"] = message };
        return Json(new JObject { ["errors"] = new JArray(error) }) with { Status = status, Headers = headers };
    }
}
