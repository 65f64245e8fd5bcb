using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>A result document as lines for people. Pure; tolerant, because it may come from another version.</summary>
internal static class ResultText
{
    internal static string Format(JObject result)
    {
        StringBuilder text = new();
        Line(text, "job", Join(result["job"]));
        Line(text, "node", $"{result.SelectToken("node.hostName")} ({result.SelectToken("node.operatingSystem")}, {result.SelectToken("node.kernel")})");
        Line(text, "image", $"{result.SelectToken("image.reference")} {result.SelectToken("image.manifestDigest")} {result.SelectToken("image.verified")}");
        foreach (JToken attempt in result["attempts"] ?? new JArray())
        {
            string fault = attempt["message"] is { Type: JTokenType.String } message ? $" failed at {attempt["step"]}: {message}" : "";
            Line(text, "tried", $"{attempt["strategy"]} + {attempt["launcher"]} ({attempt["seconds"]} s){fault}");
        }

        if (result["payload"] is JObject payload)
        {
            Line(text, "payload", $"exit code {payload["exitCode"]}, {payload["wallSeconds"]} s wall, {payload["cpuSeconds"]} s cpu, stop reason {payload["stopReason"]}");
        }

        foreach (JToken output in result["outputs"] ?? new JArray())
        {
            Line(text, "output", $"{output["name"]} -> {output["lfn"]} {output["sizeBytes"]} B adler32 {output["adler32"]} guid {output["guid"]}");
        }

        foreach (JToken missing in result["missingOutputs"] ?? new JArray())
        {
            Line(text, "missing", missing.ToString());
        }

        Line(text, "seconds", Join(result["timings"]));
        Line(text, "transfer", Join(result["transfer"]));
        if (result["serving"] is JObject serving)
        {
            Line(text, "serving", Join(serving));
        }

        if (result["failure"] is JObject failure)
        {
            Line(text, "failure", $"{failure["blame"]}: {failure["message"]} [step={failure["step"]} pilot={failure["pilotErrorCode"]}]");
        }

        if (result["reporting"] is JObject reporting)
        {
            Line(text, "reporting", Join(reporting));
        }

        return text.ToString();
    }

    private static void Line(StringBuilder text, string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-10} {value}\n");

    private static string Join(JToken? values) => values is JObject o ? string.Join(", ", o.Properties().Select(p => $"{p.Name} {p.Value}")) : "";
}
