using Newtonsoft.Json.Linq;

namespace GridWrapper.Images;

/// <summary>A sigstore bundle with an envelope (DSSE): what cosign 3 writes.</summary>
/// <param name="Signed">The bytes that the signatures are over.</param>
/// <param name="Payload">The statement inside.</param>
/// <param name="Signatures">Raw signatures.</param>
/// <param name="Keyless">It brings a certificate instead of naming a key.</param>
internal sealed record SignatureBundle(byte[] Signed, byte[] Payload, ImmutableArray<byte[]> Signatures, bool Keyless)
{
    /// <exception cref="FormatException">It cannot be read.</exception>
    internal static SignatureBundle Read(ReadOnlySpan<byte> content)
    {
        JObject root = JsonText.ParseObject(content, SignatureReader.MaxPayloadBytes, DuplicatePropertyNameHandling.Error);
        if (root["dsseEnvelope"] is not JObject envelope)
        {
            throw new FormatException("its bundle holds no envelope");
        }

        string type = Text(envelope["payloadType"]);
        if (type != SignatureTypes.InTotoPayload)
        {
            throw new FormatException($"its envelope holds {Diagnostics.Quoted.Text(type)}");
        }

        byte[] payload = Convert.FromBase64String(Text(envelope["payload"]));
        IEnumerable<byte[]> signatures = (envelope["signatures"] as JArray ?? []).OfType<JObject>().Take(SignatureReader.MaxEntries).Select(s => Convert.FromBase64String(Text(s["sig"])));
        var material = root["verificationMaterial"] as JObject;
        bool keyless = material?["certificate"] is not null || material?["x509CertificateChain"] is not null;
        return new SignatureBundle(Framed(type, payload), payload, [.. signatures], keyless);
    }

    /// <summary>What DSSE signs: "DSSEv1", type and payload, each with its length before it, parted by blanks.</summary>
    internal static byte[] Framed(string type, byte[] payload) =>
        [.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"DSSEv1 {Encoding.UTF8.GetByteCount(type)} {type} {payload.Length} ")), .. payload];

    private static string Text(JToken? token) => token is { Type: JTokenType.String } ? (string)token! : "";
}
