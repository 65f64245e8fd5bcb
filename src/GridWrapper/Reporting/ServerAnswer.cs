using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>
/// Pure: reads answers of the workload manager. The media type is never looked at: JSON comes labelled text/plain, and failures come as HTTP 200.
/// </summary>
internal static class ServerAnswer
{
    private const int DetailLimit = 300;

    /// <summary>Nothing of a job or an update is nested deeper; a limit keeps a hostile answer from exhausting the stack.</summary>
    private const int DepthLimit = 64;

    /// <summary>An answer of the v1 API.</summary>
    internal static ServerOutcome ReadV1(int status, string text)
    {
        if (ReadStatus(status, text) is { } outcome)
        {
            return outcome;
        }

        if (!TryParse(text, out JObject? envelope))
        {
            return NotJson(text);
        }

        if (envelope["success"] is not { Type: JTokenType.Boolean } success)
        {
            return new ServerOutcome.Again($"the answer has no 'success' member, so it is not one of the v1 API: {OneLine(text)}");
        }

        JToken? data = envelope["data"] is { Type: not JTokenType.Null } present ? present : null;
        int? code = Code(data);
        return !(bool)success ? ReadFailure(Word(envelope["message"]), code)
            : code is null or 0 ? new ServerOutcome.Done(data, text)
            : ReadCode(code.Value, text);
    }

    /// <summary>An answer of the legacy API: a form by default, JSON when it was asked for and understood.</summary>
    internal static ServerOutcome ReadLegacy(int status, string text)
    {
        if (ReadStatus(status, text) is { } outcome)
        {
            return outcome;
        }

        JObject? answer = TryParse(text, out JObject? json) ? json : ParseForm(text);
        return Code(answer) switch
        {
            null => new ServerOutcome.Again($"the answer has no StatusCode, so it is not one of the legacy API: {OneLine(text)}"),
            0 => new ServerOutcome.Done(answer, text),
            { } code => ReadCode(code, text),
        };
    }

    /// <summary>The commands of an accepted update: exact words between commas.</summary>
    internal static ImmutableArray<string> Commands(JToken? data)
    {
        string text = data is JObject answer ? Word(answer["command"]) : "";
        return [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(static word => word != "NULL")];
    }

    /// <summary>A text fit for one line of a message.</summary>
    internal static string OneLine(string text)
    {
        string flat = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return flat.Length == 0 ? "(empty)" : flat.Length <= DetailLimit ? flat : WireFields.Head(flat, DetailLimit) + "…";
    }

    private static ServerOutcome? ReadStatus(int status, string text)
    {
        if (status == 200)
        {
            return null;
        }

        if (UnknownArgument(text) is { } name)
        {
            return new ServerOutcome.UnknownField(name, OneLine(text));
        }

        return status switch
        {
            403 when IsAboutIdentity(text) => new ServerOutcome.Unauthorised($"HTTP 403: {OneLine(text)}"),
            403 or 404 => new ServerOutcome.ApiMissing(status, $"HTTP {status}: {OneLine(text)}"),
            401 => new ServerOutcome.Unauthorised($"HTTP 401: {OneLine(text)}"),
            408 or 429 or >= 500 => new ServerOutcome.Again($"HTTP {status}: {OneLine(text)}"),
            _ => new ServerOutcome.Refused($"HTTP {status}: {OneLine(text)}"),
        };
    }

    private static ServerOutcome ReadFailure(string message, int? code)
    {
        if (UnknownArgument(message) is { } name)
        {
            return new ServerOutcome.UnknownField(name, OneLine(message));
        }

        if (message is "No jobs in PanDA")
        {
            return new ServerOutcome.NoJob();
        }

        if (message is "Timed out" || code is 10 or 30)
        {
            return new ServerOutcome.Again($"the server says '{message}'");
        }

        return IsAboutIdentity(message)
            ? new ServerOutcome.Unauthorised($"the server says '{OneLine(message)}'")
            : new ServerOutcome.Refused($"the server says '{OneLine(message)}'" + (code is { } number ? $" (StatusCode {number})" : ""));
    }

    /// <summary>StatusCode of the pilot API: 10 time-out, 20 no jobs, 30 failed, 50 invalid, 60 role, 70 permission, 80 key missing, 90 proxy.</summary>
    private static ServerOutcome ReadCode(int code, string text) => code switch
    {
        20 => new ServerOutcome.NoJob(),
        50 => new ServerOutcome.Refused($"StatusCode 50 (invalid request): {OneLine(text)}"),
        60 => new ServerOutcome.Unauthorised("StatusCode 60: production or pilot role required"),
        70 => new ServerOutcome.Unauthorised("StatusCode 70: no permission"),
        80 => new ServerOutcome.Unauthorised("StatusCode 80: the key is missing"),
        90 => new ServerOutcome.Unauthorised("StatusCode 90: the server has no proxy for this job"),
        _ => new ServerOutcome.Again($"StatusCode {code}: {OneLine(text)}"),
    };

    private static bool IsAboutIdentity(string message) =>
        message.Contains("SSL secure connection is required", StringComparison.Ordinal)
        || message.Contains("role required", StringComparison.Ordinal)
        || message.Contains("no production/pilot role", StringComparison.Ordinal)
        || message.Contains("oken authentication failed", StringComparison.Ordinal)
        || message.Contains(" is banned", StringComparison.Ordinal);

    private static string Word(JToken? token) => token is { Type: JTokenType.String } ? (string)token! : "";

    /// <summary>The name in Python's "got an unexpected keyword argument 'x'".</summary>
    private static string? UnknownArgument(string text)
    {
        const string Phrase = "got an unexpected keyword argument '";
        int start = text.IndexOf(Phrase, StringComparison.Ordinal);
        if (start < 0)
        {
            return null;
        }

        start += Phrase.Length;
        int end = text.IndexOf('\'', start);
        return end > start ? text[start..end] : null;
    }

    /// <summary>Python literals will be Python literals next time; anything else may be a page of a proxy or half of an answer, and pass.</summary>
    private static ServerOutcome NotJson(string text) => text.TrimStart().StartsWith("{'", StringComparison.Ordinal)
        ? new ServerOutcome.Refused(
            "the answer is a Python literal instead of JSON: something between here and the server changes the Accept or Content-Type header. Answer: " + OneLine(text))
        : new ServerOutcome.Again($"the answer is not JSON: {OneLine(text)}");

    private static bool TryParse(string text, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out JObject? value)
    {
        value = null;
        if (!text.AsSpan().TrimStart().StartsWith("{", StringComparison.Ordinal))
        {
            return false;
        }

        try
        {
            using JsonTextReader reader = new(new StringReader(text))
            {
                DateParseHandling = DateParseHandling.None,
                FloatParseHandling = FloatParseHandling.Decimal,
                MaxDepth = DepthLimit,
            };
            value = JObject.Load(reader);
            return true;
        }
        catch (JsonException)
        {
            // Not JSON: the caller says what the text looks like instead.
            return false;
        }
    }

    private static JObject ParseForm(string text)
    {
        JObject answer = [];
        foreach (string pair in text.Trim().Split('&'))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                answer[Decode(pair[..equals])] = Decode(pair[(equals + 1)..]);
            }
        }

        return answer;

        static string Decode(string value) => Uri.UnescapeDataString(value.Replace('+', ' '));
    }

    private static int? Code(JToken? data) => data is JObject answer && answer["StatusCode"] is { Type: JTokenType.Integer or JTokenType.String } code
        && int.TryParse(code.ToString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
            ? number
            : null;
}
