using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>What the loopback workload manager answers: an envelope of the v1 API, a set of values of the legacy one, or bare text or bytes.</summary>
internal sealed record WorkloadAnswer
{
    public int Status { get; init; } = 200;

    /// <summary>Written as JSON, as a Python literal or as a form, as the request's headers lead the server to.</summary>
    public JObject? Document { get; init; }

    public byte[] Bytes { get; init; } = [];

    /// <summary>The connection is cut instead.</summary>
    public bool Drop { get; init; }

    internal static WorkloadAnswer Cut { get; } = new() { Drop = true };

    internal static WorkloadAnswer Yes(JToken? data) => new() { Document = Envelope(true, "", data) };

    internal static WorkloadAnswer No(string message, JToken? data = null) => new() { Document = Envelope(false, message, data) };

    internal static WorkloadAnswer Plain(int status, string text) => new() { Status = status, Bytes = Encoding.UTF8.GetBytes(text) };

    private static JObject Envelope(bool success, string message, JToken? data) =>
        new() { ["success"] = success, ["message"] = message, ["data"] = data ?? JValue.CreateNull() };
}
