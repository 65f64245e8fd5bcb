using System.Net;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>A request, read as far as the server's entry point reads it before a method is called.</summary>
internal sealed record WorkloadRequest
{
    private const string Json = "application/json";

    public required string Path { get; init; }

    public required string HttpMethod { get; init; }

    public required string? ContentType { get; init; }

    public required string? Accept { get; init; }

    /// <summary>Null for a chunked body: the server then reads nothing.</summary>
    public required long? ContentLength { get; init; }

    public string? ContentEncoding { get; init; }

    public string? Authorization { get; init; }

    public string? Origin { get; init; }

    public required byte[] Body { get; init; }

    public required string Query { get; init; }

    /// <summary>The body is JSON only with exactly this Content-Type, without charset.</summary>
    internal bool IsJsonBody => HttpMethod == "POST" && ContentType == Json;

    /// <summary>The answer is JSON if either header says so exactly.</summary>
    internal bool WantsJson => ContentType == Json || Accept == Json;

    internal static async Task<WorkloadRequest> ReadAsync(HttpListenerRequest request, CancellationToken ct)
    {
        using MemoryStream body = new();
        await request.InputStream.CopyToAsync(body, ct);
        return new WorkloadRequest
        {
            Path = request.Url?.AbsolutePath ?? "/",
            HttpMethod = request.HttpMethod,
            ContentType = request.Headers["Content-Type"],
            Accept = request.Headers["Accept"],
            ContentLength = request.Headers["Content-Length"] is { } length ? long.Parse(length, CultureInfo.InvariantCulture) : null,
            ContentEncoding = request.Headers["Content-Encoding"],
            Authorization = request.Headers["Authorization"],
            Origin = request.Headers["Origin"],
            Body = body.ToArray(),
            Query = request.Url?.Query.TrimStart('?') ?? "",
        };
    }

    /// <summary>Arguments of a v1 call. A POST whose Content-Type is anything else is read as a form: JSON in it is lost.</summary>
    /// <exception cref="JsonException">The body is announced as JSON and is not.</exception>
    internal JObject V1Arguments() => IsJsonBody
        ? PlainJson.Parse(ContentLength is null ? "" : Encoding.UTF8.GetString(Body))
        : HttpMethod == "GET" ? FromPairs(Query) : IsForm ? FromPairs(Encoding.UTF8.GetString(Body)) : [];

    /// <summary>Arguments of a legacy call.</summary>
    internal JObject FormArguments() => IsForm ? FromPairs(Encoding.UTF8.GetString(Body)) : [];

    private bool IsForm => ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.Ordinal) == true && ContentLength is not null;

    /// <summary>A repeated key becomes a list.</summary>
    private static JObject FromPairs(string text)
    {
        JObject result = [];
        foreach (string pair in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] sides = [.. pair.Split('=', 2).Select(static s => Uri.UnescapeDataString(s.Replace('+', ' ')))];
            JToken value = sides.Length > 1 ? sides[1] : "";
            result[sides[0]] = result[sides[0]] switch
            {
                null => value,
                JArray list => new JArray(list) { value },
                { } first => new JArray(first, value),
            };
        }

        return result;
    }
}
