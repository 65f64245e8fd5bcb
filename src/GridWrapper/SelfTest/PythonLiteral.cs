using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>Pure: a value as Python prints it, which is what clients get whose headers are not exactly right.</summary>
internal static class PythonLiteral
{
    internal static string Write(JToken token) => token switch
    {
        JObject o => "{" + string.Join(", ", o.Properties().Select(static p => Quote(p.Name) + ": " + Write(p.Value))) + "}",
        JArray a => "[" + string.Join(", ", a.Select(Write)) + "]",
        JValue { Type: JTokenType.Boolean } v => (bool)v ? "True" : "False",
        JValue { Type: JTokenType.Null } => "None",
        JValue { Type: JTokenType.String } v => Quote((string)v!),
        _ => token.ToString(Newtonsoft.Json.Formatting.None),
    };

    /// <summary>Python prefers single quotes unless the text holds them and no double ones.</summary>
    private static string Quote(string text)
    {
        char quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        StringBuilder result = new();
        _ = result.Append(quote);
        foreach (char c in text)
        {
            _ = c switch
            {
                '\\' => result.Append("\\\\"),
                '\n' => result.Append("\\n"),
                '\r' => result.Append("\\r"),
                '\t' => result.Append("\\t"),
                _ when c == quote => result.Append('\\').Append(c),
                _ => result.Append(c),
            };
        }

        return result.Append(quote).ToString();
    }
}
