using GridWrapper.Diagnostics;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Jobs;

/// <summary>
/// The fields of one job by the workload manager's conventions: missing, null, "" and "NULL" are the same, numbers may be digit strings, lists are joined
/// by commas, dictionaries may have become the text of a Python literal.
/// </summary>
internal sealed class JobFields(JObject job, FaultList faults)
{
    /// <summary>Null if not set.</summary>
    internal string? Text(string key)
    {
        JToken? value = job[key];
        switch (value?.Type)
        {
            case null or JTokenType.Null:
                return null;
            case JTokenType.String:
                return Unset((string)value!);
            case JTokenType.Integer or JTokenType.Float or JTokenType.Boolean:
                return value.ToString(Newtonsoft.Json.Formatting.None);
            default:
                faults.Add($"{key} must be a text, not {Images.DescriptorReader.Name(value)}");
                return null;
        }
    }

    /// <summary>Null if not set; a fault if it is no whole number.</summary>
    internal long? Whole(string key)
    {
        string? text = Text(key);
        if (text is null)
        {
            return null;
        }

        string digits = text.EndsWith(".0", StringComparison.Ordinal) ? text[..^2] : text;
        if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
        {
            return number;
        }

        faults.Add($"{key} must be a whole number, not {Quoted.Text(text)}");
        return null;
    }

    /// <summary>A number that means something only above zero.</summary>
    internal long? Positive(string key) => Whole(key) is > 0 and long number ? number : null;

    /// <summary>Flags are sent as the text "True", and only when set.</summary>
    internal bool Flag(string key) => Text(key) is "True" or "true" or "1";

    /// <summary>The entries in their places, unset ones empty, because lists are aligned by index; no entry at all if the list is not set.</summary>
    internal ImmutableArray<string> Aligned(string key)
    {
        if (job[key] is JArray array)
        {
            return [.. array.Select(item => item.Type == JTokenType.Null ? "" : Unset(item.ToString()) ?? "")];
        }

        return Text(key) is { } text ? [.. text.Split(',', StringSplitOptions.TrimEntries).Select(item => Unset(item) ?? "")] : [];
    }

    /// <summary>Only the entries that are set.</summary>
    internal ImmutableArray<string> List(string key) => [.. Aligned(key).Where(item => item.Length > 0)];

    /// <summary>A dictionary of texts: a JSON object, or the text of a Python or JSON one; null if not set.</summary>
    internal ImmutableDictionary<string, string>? Map(string key)
    {
        if (job[key] is JObject entries)
        {
            return FromJson(entries);
        }

        if (job[key] is not { Type: not JTokenType.Null } || Text(key) is not { } text)
        {
            return null;
        }

        if (PythonLiteral.TryParse(text, out PythonValue? value, out string? error) && value is PythonValue.Mapping map)
        {
            return map.Entries.Where(entry => entry is { Key: PythonValue.Text, Value: PythonValue.Text })
                .ToImmutableDictionary(entry => ((PythonValue.Text)entry.Key).Value, entry => ((PythonValue.Text)entry.Value).Value, StringComparer.Ordinal);
        }

        try
        {
            return FromJson(JObject.Parse(text));
        }
        catch (Newtonsoft.Json.JsonException)
        {
            faults.Add($"{key} must be a dictionary, not {Quoted.Text(text)}{(error is null ? "" : $" ({error})")}");
            return null;
        }
    }

    /// <summary>False (and a fault) if the job's own StatusCode says that it is none.</summary>
    internal bool CheckStatus()
    {
        if (Whole("StatusCode") is not { } status || status == 0)
        {
            return true;
        }

        faults.Add(
            $"the workload manager answered StatusCode {status} ({ServerStatus.Meaning(status)}) instead of a job",
            ServerStatus.PilotErrorCode(status),
            Blame.Server);
        return false;
    }

    private static ImmutableDictionary<string, string> FromJson(JObject entries) =>
        entries.Properties().Where(entry => entry.Value.Type == JTokenType.String)
            .ToImmutableDictionary(entry => entry.Name, entry => (string)entry.Value!, StringComparer.Ordinal);

    private static string? Unset(string text) => text is "" or "NULL" ? null : text;
}
