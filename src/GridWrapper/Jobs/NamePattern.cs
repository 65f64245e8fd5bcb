using System.Text.RegularExpressions;

namespace GridWrapper.Jobs;

/// <summary>
/// The pattern of a `regex|…` output: a Python expression that must match a whole file name. What Python spells differently is respelt; the engine without
/// backtracking is used where the expression allows it, and a time limit guards the rest.
/// </summary>
internal sealed class NamePattern
{
    private const string Prefix = "regex|";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);
    private readonly Regex _regex;

    private NamePattern(Regex regex) => _regex = regex;

    /// <summary>Builds the matcher.</summary>
    /// <param name="text">The expression, with or without its `regex|`.</param>
    /// <param name="pattern">The matcher; null when false is returned.</param>
    /// <param name="error">What is wrong with the expression.</param>
    internal static bool TryParse(string text, out NamePattern? pattern, out string error)
    {
        string expression = text.StartsWith(Prefix, StringComparison.Ordinal) ? text[Prefix.Length..] : text;
        (pattern, error) = (null, "");
        try
        {
            pattern = new NamePattern(Build($@"\A(?:{Respell(expression)})\z"));
            return true;
        }
        catch (RegexParseException e)
        {
            error = string.Create(CultureInfo.InvariantCulture, $"{e.Error} at character {Math.Clamp(e.Offset - 5, 0, expression.Length)}");
            return false;
        }
    }

    /// <exception cref="RegexMatchTimeoutException">The expression needs too long for this name.</exception>
    internal bool Matches(string fileName) => _regex.IsMatch(fileName);

    private static Regex Build(string expression)
    {
        try
        {
            return new Regex(expression, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, Limit);
        }
        catch (NotSupportedException)
        {
            // Back-references and look-arounds need the engine with backtracking.
            return new Regex(expression, RegexOptions.CultureInvariant, Limit);
        }
    }

    /// <summary>Named groups and the end-of-text anchor: <c>(?P&lt;n&gt;</c>, <c>(?P=n)</c>, <c>\Z</c>.</summary>
    private static string Respell(string expression)
    {
        StringBuilder result = new(expression.Length);
        for (int i = 0; i < expression.Length; i++)
        {
            ReadOnlySpan<char> rest = expression.AsSpan(i);
            if (rest.StartsWith("(?P<"))
            {
                result.Append("(?<");
                i += 3;
            }
            else if (rest.StartsWith("(?P=") && rest.IndexOf(')') is > 4 and int end)
            {
                result.Append(CultureInfo.InvariantCulture, $@"\k<{rest[4..end]}>");
                i += end;
            }
            else if (rest.Length > 1 && rest[0] == '\\')
            {
                result.Append('\\').Append(rest[1] == 'Z' ? 'z' : rest[1]);
                i++;
            }
            else
            {
                result.Append(rest[0]);
            }
        }

        return result.ToString();
    }
}
