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
        json.WriteStartObject();
        foreach (WireField field in fields)
        {
            json.WritePropertyName(field.Name);
            json.WriteValue(field.Value);
        }

        json.WriteEndObject();
        json.Flush();
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>The form of the legacy API; arguments that it does not have are left out.</summary>
    internal static byte[] Form(IEnumerable<WireField> fields)
    {
        IEnumerable<string> pairs = from field in fields
                                    where field.Legacy is not null
                                    select field.Legacy + "=" + Uri.EscapeDataString(Convert.ToString(field.Value, CultureInfo.InvariantCulture)!);
        return Encoding.ASCII.GetBytes(string.Join('&', pairs));
    }
}
