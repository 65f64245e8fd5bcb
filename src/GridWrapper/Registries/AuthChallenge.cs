namespace GridWrapper.Registries;

/// <summary>One challenge of a WWW-Authenticate header (RFC 9110, 11.6.1): a scheme and its parameters, names in lower case.</summary>
internal sealed record AuthChallenge(string Scheme, ImmutableDictionary<string, string> Parameters)
{
    /// <summary>All challenges of one header value; what cannot be read is left out.</summary>
    internal static ImmutableArray<AuthChallenge> Parse(string header)
    {
        var found = new List<AuthChallenge>();
        var scanner = new Scanner(header);
        while (scanner.Token() is { Length: > 0 } scheme)
        {
            ImmutableDictionary<string, string>.Builder parameters = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
            while (scanner.Parameter() is { } parameter)
            {
                parameters[parameter.Name] = parameter.Value;
            }

            found.Add(new AuthChallenge(scheme.ToLowerInvariant(), parameters.ToImmutable()));
        }

        return [.. found];
    }

    private sealed class Scanner(string text)
    {
        private int _at;

        /// <summary>The next word; empty at the end.</summary>
        internal string Token()
        {
            while (_at < text.Length && (char.IsWhiteSpace(text[_at]) || text[_at] == ','))
            {
                _at++;
            }

            int start = _at;
            while (_at < text.Length && !char.IsWhiteSpace(text[_at]) && text[_at] is not (',' or '=' or '"'))
            {
                _at++;
            }

            return text[start.._at];
        }

        /// <summary>The next NAME=VALUE; null, with nothing consumed, if a new challenge or the end follows.</summary>
        internal (string Name, string Value)? Parameter()
        {
            int before = _at;
            string name = Token();
            while (_at < text.Length && text[_at] == ' ')
            {
                _at++;
            }

            if (name.Length == 0 || _at >= text.Length || text[_at] != '=')
            {
                _at = before;
                return null;
            }

            _at++;
            return (name.ToLowerInvariant(), Value());
        }

        private string Value()
        {
            while (_at < text.Length && text[_at] == ' ')
            {
                _at++;
            }

            if (_at >= text.Length || text[_at] != '"')
            {
                return Token();
            }

            var value = new StringBuilder();
            for (_at++; _at < text.Length && text[_at] != '"'; _at++)
            {
                _at += text[_at] == '\\' && _at + 1 < text.Length ? 1 : 0;
                value.Append(text[_at]);
            }

            _at++;
            return value.ToString();
        }
    }
}
