using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>Reads JSON as Python does: a text that looks like a date stays a text.</summary>
internal static class PlainJson
{
    /// <exception cref="JsonException">Not one JSON object.</exception>
    internal static JObject Parse(string text)
    {
        using JsonTextReader reader = new(new StringReader(text)) { DateParseHandling = DateParseHandling.None };
        return JObject.Load(reader);
    }
}
