using Newtonsoft.Json;

namespace GridWrapper.Reporting;

/// <summary>Pure: arguments as the bytes of a request.</summary>
internal static class WireBody
{
    /// <summary>The JSON object of the v1 API. A double keeps its fraction ("2500.0"), because the server refuses an integer where it declares a float.</summary>
    internal static byte[] Json(IEnumerable<WireField> fields)
    {
        StringBuilder text = new();
        using StringWriter target = new(text, CultureInfo.InvariantCulture);
        using JsonTextWriter json = new(target);
        Write(json, fields);
        json.Flush();
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>The form of the legacy API; arguments that it does not have are left out.</summary>
    internal static byte[] Form(IEnumerable<WireField> fields)
    {
        IEnumerable<string> pairs = from field in fields
                                    where field.Legacy is not null
                                    select field.Legacy + "=" + Uri.EscapeDataString(Text(field));
        return Encoding.ASCII.GetBytes(string.Join('&', pairs));
    }

    /// <summary>The query of a GET: a list repeats its key.</summary>
    internal static ImmutableArray<KeyValuePair<string, string>> Query(IEnumerable<WireField> fields) =>
    [
        .. fields.SelectMany(static f => f.Value is IReadOnlyList<string> list ? list.Select(item => KeyValuePair.Create(f.Name, item)) : [KeyValuePair.Create(f.Name, Text(f))]),
    ];

    /// <summary>A list is separated by blanks there.</summary>
    private static string Text(WireField field) =>
        field.Value is IReadOnlyList<string> list ? string.Join(' ', list) : Convert.ToString(field.Value, CultureInfo.InvariantCulture)!;

    private static void Write(JsonTextWriter json, IEnumerable<WireField> fields)
    {
        json.WriteStartObject();
        foreach (WireField field in fields)
        {
            json.WritePropertyName(field.Name);
            if (field.Value is IReadOnlyList<IReadOnlyList<WireField>> objects)
            {
                json.WriteStartArray();
                foreach (IReadOnlyList<WireField> item in objects)
                {
                    Write(json, item);
                }

                json.WriteEndArray();
            }
            else
            {
                json.WriteValue(field.Value);
            }
        }

        json.WriteEndObject();
    }
}
