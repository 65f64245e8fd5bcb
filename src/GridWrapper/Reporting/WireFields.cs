namespace GridWrapper.Reporting;

/// <summary>
/// Collects the arguments of one call in the types that the server demands. What is null is left out, because null is refused for arguments whose
/// default is an empty text; texts are cut to the lengths that the server stores.
/// </summary>
internal sealed class WireFields
{
    private readonly List<WireField> _fields = [];

    internal IReadOnlyList<WireField> List => _fields;

    internal void Integer(string name, string? legacy, long? value)
    {
        if (value is { } number)
        {
            _fields.Add(new WireField(name, legacy, number));
        }
    }

    /// <summary>A number that is declared as a float: an integer would be refused.</summary>
    internal void Fraction(string name, string? legacy, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            _fields.Add(new WireField(name, legacy, number));
        }
    }

    /// <summary>A text, its beginning kept where it is longer than <paramref name="limit"/>.</summary>
    internal void Text(string name, string? legacy, string? value, int limit = int.MaxValue)
    {
        if (!string.IsNullOrEmpty(value))
        {
            _fields.Add(new WireField(name, legacy, Head(Clean(value), limit)));
        }
    }

    /// <summary>A text of which the end matters.</summary>
    internal void Tail(string name, string? legacy, string? value, int limit)
    {
        if (!string.IsNullOrEmpty(value))
        {
            _fields.Add(new WireField(name, legacy, Last(Clean(value), limit)));
        }
    }

    /// <summary>UTC without a zone mark: other ISO forms are accepted by the server and dropped without a word.</summary>
    internal void Time(string name, string? legacy, DateTimeOffset? value)
    {
        if (value is { } time)
        {
            _fields.Add(new WireField(name, legacy, time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>The first <paramref name="limit"/> characters, never half of a surrogate pair.</summary>
    internal static string Head(string text, int limit)
    {
        if (text.Length <= limit)
        {
            return text;
        }

        int end = limit > 0 && char.IsHighSurrogate(text[limit - 1]) ? limit - 1 : limit;
        return text[..end];
    }

    /// <summary>The last <paramref name="limit"/> characters, never half of a surrogate pair.</summary>
    internal static string Last(string text, int limit)
    {
        if (text.Length <= limit)
        {
            return text;
        }

        int start = text.Length - limit;
        return text[(start < text.Length && char.IsLowSurrogate(text[start]) ? start + 1 : start)..];
    }

    /// <summary>NUL cannot be stored by the server's data base.</summary>
    private static string Clean(string text) => text.Replace("\0", "", StringComparison.Ordinal);
}
