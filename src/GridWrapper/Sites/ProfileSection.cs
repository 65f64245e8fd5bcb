using Newtonsoft.Json.Linq;

namespace GridWrapper.Sites;

/// <summary>
/// One JSON object of a profile being read. Every getter answers the default when the key is absent or wrong, and notes a fault when it is wrong,
/// so that reading goes on and all faults come out together. A key that no getter asked for is unknown: <see cref="Finish"/> says so.
/// </summary>
internal sealed class ProfileSection(JObject json, string path, ProfileFaults faults)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    internal string Text(string key, string otherwise, Func<string, string?> check) => OptionalText(key, check) ?? otherwise;

    /// <summary>Null when absent or JSON null.</summary>
    internal string? OptionalText(string key, Func<string, string?> check)
    {
        if (Take(key) is not { Type: not JTokenType.Null } token)
        {
            return null;
        }

        return CheckedText(token, PathOf(key), check);
    }

    internal string RequiredText(string key, Func<string, string?> check)
    {
        if (Take(key) is not { } token)
        {
            faults.Add(json, PathOf(key), "missing: a text is required");
            return "";
        }

        return CheckedText(token, PathOf(key), check) ?? "";
    }

    internal bool Flag(string key, bool otherwise)
    {
        if (Take(key) is not { } token)
        {
            return otherwise;
        }

        if (token.Type == JTokenType.Boolean)
        {
            return (bool)token;
        }

        faults.Add(token, PathOf(key), $"expected true or false, found {Describe(token)}");
        return otherwise;
    }

    internal double Number(string key, double otherwise, NumberRange range) => OptionalNumber(key, range) ?? otherwise;

    /// <summary>Null when absent or JSON null.</summary>
    internal double? OptionalNumber(string key, NumberRange range)
    {
        if (Take(key) is not { Type: not JTokenType.Null } token)
        {
            return null;
        }

        if (token.Type is JTokenType.Integer or JTokenType.Float && token is JValue value && range.Holds(Convert.ToDouble(value.Value, CultureInfo.InvariantCulture)))
        {
            return Convert.ToDouble(value.Value, CultureInfo.InvariantCulture);
        }

        faults.Add(token, PathOf(key), $"expected {range}, found {Describe(token)}");
        return null;
    }

    internal ImmutableArray<string> Texts(string key, ImmutableArray<string> otherwise, Func<string, string?> check)
    {
        if (Take(key) is not { } token)
        {
            return otherwise;
        }

        if (token is not JArray array)
        {
            faults.Add(token, PathOf(key), $"expected a list of texts, found {Describe(token)}");
            return otherwise;
        }

        ImmutableArray<string>.Builder texts = ImmutableArray.CreateBuilder<string>(array.Count);
        for (int i = 0; i < array.Count; i++)
        {
            string at = $"{PathOf(key)}[{i.ToString(CultureInfo.InvariantCulture)}]";
            if (CheckedText(array[i], at, check) is { } text)
            {
                texts.Add(text);
            }
        }

        return texts.ToImmutable();
    }

    /// <summary>Like <see cref="Texts"/>, for an order of preference: an empty list and a repeated entry are faults.</summary>
    internal ImmutableArray<string> Preference(string key, ImmutableArray<string> otherwise, Func<string, string?> check)
    {
        ImmutableArray<string> texts = Texts(key, otherwise, check);
        if (json[key] is JArray { Count: 0 } empty)
        {
            faults.Add(empty, PathOf(key), "expected at least one entry, found none");
        }
        else if (texts.GroupBy(t => t).FirstOrDefault(g => g.Count() > 1) is { } repeated)
        {
            faults.Add(json[key]!, PathOf(key), $"\"{repeated.Key}\" is listed twice");
        }

        return texts;
    }

    /// <summary>Like <see cref="Texts"/>, none by default; a repeated entry is a fault.</summary>
    internal ImmutableArray<string> Distinct(string key, Func<string, string?> check)
    {
        ImmutableArray<string> texts = Texts(key, [], check);
        if (texts.GroupBy(t => t).FirstOrDefault(g => g.Count() > 1) is { } repeated)
        {
            faults.Add(json[key]!, PathOf(key), $"\"{repeated.Key}\" is listed twice");
        }

        return texts;
    }

    internal ImmutableSortedDictionary<string, string> Map(string key, Func<string, string?> checkName, Func<string, string?> checkText)
    {
        ImmutableSortedDictionary<string, string>.Builder map = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        JToken? token = Take(key);
        if (token is not (null or JObject))
        {
            faults.Add(token, PathOf(key), $"expected an object of texts, found {Describe(token)}");
        }

        foreach (JProperty property in (token as JObject)?.Properties() ?? [])
        {
            string at = PathOf(key) + "." + property.Name;
            if (checkName(property.Name) is { } wrong)
            {
                faults.Add(property, at, wrong);
            }

            if (CheckedText(property.Value, at, checkText) is { } text)
            {
                map[property.Name] = text;
            }
        }

        return map.ToImmutable();
    }

    /// <summary>The section under a key, or null when absent (then all its defaults hold).</summary>
    internal ProfileSection? Section(string key)
    {
        switch (Take(key))
        {
            case null:
                return null;
            case JObject inner:
                return new ProfileSection(inner, PathOf(key), faults);
            case { } token:
                faults.Add(token, PathOf(key), $"expected an object, found {Describe(token)}");
                return null;
        }
    }

    internal IEnumerable<ProfileSection> Sections(string key)
    {
        JToken? token = Take(key);
        if (token is not (null or JArray))
        {
            faults.Add(token, PathOf(key), $"expected a list of objects, found {Describe(token)}");
        }

        int index = -1;
        foreach (JToken element in token as JArray ?? [])
        {
            string at = $"{PathOf(key)}[{(++index).ToString(CultureInfo.InvariantCulture)}]";
            if (element is JObject inner)
            {
                yield return new ProfileSection(inner, at, faults);
            }
            else
            {
                faults.Add(element, at, $"expected an object, found {Describe(element)}");
            }
        }
    }

    /// <summary>To be called after the last getter: notes every key that nobody asked for.</summary>
    internal void Finish()
    {
        foreach (JProperty property in json.Properties().Where(p => !_known.Contains(p.Name)))
        {
            faults.Add(property, PathOf(property.Name), "unknown key" + Diagnostics.NearestName.Hint(property.Name, _known));
        }
    }

    /// <summary>Whether there is a list with entries, or anything else but nothing, under a key.</summary>
    internal bool Has(string key) => json[key] is not (null or { Type: JTokenType.Null } or JArray { Count: 0 });

    /// <summary>Notes what is wrong with a key for a reason that the key alone does not show.</summary>
    internal void Fault(string key, string message) => faults.Add(json[key] ?? json, PathOf(key), message);

    private JToken? Take(string key)
    {
        _known.Add(key);
        return json[key];
    }

    private string? CheckedText(JToken token, string at, Func<string, string?> check)
    {
        if (token.Type != JTokenType.String)
        {
            faults.Add(token, at, $"expected a text, found {Describe(token)}");
            return null;
        }

        string text = (string)token!;
        if ((text.Contains('\0', StringComparison.Ordinal) ? "a NUL character is not allowed" : check(text)) is { } wrong)
        {
            faults.Add(token, at, wrong);
            return null;
        }

        return text;
    }

    private string PathOf(string key) => path.Length == 0 ? key : path + "." + key;

    private static string Describe(JToken token) => token.Type switch
    {
        JTokenType.Object => "an object",
        JTokenType.Array => "a list",
        JTokenType.Null => "null",
        JTokenType.Undefined => "nothing",
        JTokenType.String => $"the text \"{(string)token!}\"",
        JTokenType.Boolean => token.ToString(Newtonsoft.Json.Formatting.None),
        _ => "the number " + token.ToString(Newtonsoft.Json.Formatting.None),
    };
}
