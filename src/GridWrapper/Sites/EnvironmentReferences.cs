using GridWrapper.Diagnostics;

namespace GridWrapper.Sites;

/// <summary><c>${VAR}</c> and <c>${VAR:-otherwise}</c> in profile texts. A '$' that is not followed by '{' stands for itself.</summary>
internal static class EnvironmentReferences
{
    /// <summary>Replaces the references.</summary>
    /// <param name="text">Text of a profile.</param>
    /// <param name="environment">The caller's environment.</param>
    /// <param name="expanded">The result; meaningless when false is returned.</param>
    /// <param name="missing">The first variable that is unset or empty and has no alternative.</param>
    internal static bool TryExpand(string text, IReadOnlyDictionary<string, string> environment, out string expanded, out string missing)
    {
        StringBuilder result = new(text.Length);
        (expanded, missing) = ("", "");
        int at = 0;
        while (at < text.Length)
        {
            int open = text.IndexOf("${", at, StringComparison.Ordinal);
            int close = open < 0 ? -1 : text.IndexOf('}', open);
            if (close < 0)
            {
                break;
            }

            (string name, string? otherwise) = Split(text[(open + 2)..close]);
            result.Append(text, at, open - at);
            string? value = environment.TryGetValue(name, out string? found) && found.Length > 0 ? found : otherwise;
            if (value is null)
            {
                missing = name;
                return false;
            }

            result.Append(value);
            at = close + 1;
        }

        expanded = result.Append(text, at, text.Length - at).ToString();
        return true;
    }

    /// <summary>Replaces the references of a path that the node needs.</summary>
    /// <exception cref="GridWrapperException">A variable is unset, or the result is not an absolute path: exit 64, blame site.</exception>
    internal static string ExpandPath(string text, string key, IReadOnlyDictionary<string, string> environment)
    {
        if (!TryExpand(text, environment, out string expanded, out string missing))
        {
            throw Bad($"the site profile's {key} is \"{text}\", but {missing} is not set in the environment; set it, or write ${{{missing}:-/some/path}}");
        }

        return expanded.StartsWith('/')
            ? expanded
            : throw Bad($"the site profile's {key} is \"{text}\", which becomes \"{expanded}\" here: an absolute path is required");
    }

    /// <summary>What is wrong with the references in a text, null if nothing is.</summary>
    internal static string? Fault(string text)
    {
        for (int open = text.IndexOf("${", StringComparison.Ordinal); open >= 0; open = text.IndexOf("${", open + 2, StringComparison.Ordinal))
        {
            int close = text.IndexOf('}', open);
            if (close < 0)
            {
                return $"\"{text}\" has a \"${{\" without its \"}}\"";
            }

            string inner = text[(open + 2)..close];
            if (!IsName(Split(inner).Name))
            {
                return $"\"${{{inner}}}\" in \"{text}\" does not name an environment variable";
            }
        }

        return null;
    }

    internal static bool IsName(string text) =>
        text.Length > 0 && !char.IsAsciiDigit(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    private static (string Name, string? Otherwise) Split(string inner)
    {
        int at = inner.IndexOf(":-", StringComparison.Ordinal);
        return at < 0 ? (inner, null) : (inner[..at], inner[(at + 2)..]);
    }

    private static GridWrapperException Bad(string message) => GridWrapperException.BadInput("site-profile", message, PilotError.SetupFailure, Blame.Site);
}
