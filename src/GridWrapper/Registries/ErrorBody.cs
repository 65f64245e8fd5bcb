using System.Net.Http;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Registries;

/// <summary>The errors of a registry's JSON answer (distribution-spec, "Error Codes").</summary>
internal static class ErrorBody
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>": CODE message" for each error, or an empty text where the body says nothing readable.</summary>
    internal static async Task<string> ReadAsync(HttpResponseMessage response, CancellationToken ct)
    {
        try
        {
            await using Stream body = await response.Content.ReadAsStreamAsync(ct);
            byte[] bytes = new byte[MaxBytes];
            int length = await body.ReadAtLeastAsync(bytes, MaxBytes, throwOnEndOfStream: false, ct);
            JToken root = JsonText.Parse(bytes.AsSpan(0, length), MaxBytes, DuplicatePropertyNameHandling.Replace);
            IEnumerable<string> errors = (root["errors"] as JArray)?.OfType<JObject>().Select(e => Quoted.Clean($"{e["code"]} {e["message"]}".Trim())) ?? [];
            string all = string.Join("; ", errors.Take(3));
            return all.Length == 0 ? "" : ": " + all;
        }
        catch (Exception e) when (e is FormatException or IOException or HttpRequestException)
        {
            // The status alone has to do.
            return "";
        }
    }
}
