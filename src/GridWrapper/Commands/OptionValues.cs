namespace GridWrapper.Commands;

/// <summary>What was given on the command line, by option.</summary>
internal sealed class OptionValues
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    internal void Add(OptionSpec option, string value)
    {
        if (!_values.TryGetValue(option.Name, out List<string>? values))
        {
            _values[option.Name] = values = [];
        }

        values.Add(value);
    }

    internal bool Flag(OptionSpec option) => _values.ContainsKey(option.Name);

    /// <summary>Null when it was not given.</summary>
    internal string? Text(OptionSpec option) => _values.TryGetValue(option.Name, out List<string>? values) ? values[^1] : null;

    internal IReadOnlyList<string> List(OptionSpec option) => _values.TryGetValue(option.Name, out List<string>? values) ? values : [];
}
