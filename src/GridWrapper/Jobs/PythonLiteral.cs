using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using GridWrapper.Diagnostics;

namespace GridWrapper.Jobs;

/// <summary>
/// Reads the Python literals of job parameters (what ast.literal_eval reads, less sets, complex numbers, triple quotes and bare tuples):
/// dictionaries, lists, tuples, strings with every prefix and escape, numbers, True, False, None.
/// </summary>
internal sealed class PythonLiteral
{
    /// <summary>Job parameters nest two levels; the limit keeps hostile text from exhausting the stack.</summary>
    internal const int MaxDepth = 32;

    /// <summary>No number of a job is near this; the limit keeps hostile text from costing time.</summary>
    private const int MaxDigits = 64;

    private readonly string _text;
    private int _at;

    private PythonLiteral(string text) => _text = text;

    /// <param name="text">The whole text; nothing may follow the literal.</param>
    /// <param name="value">The literal.</param>
    /// <param name="error">What is wrong, with the position, counted from 1.</param>
    internal static bool TryParse(string text, [NotNullWhen(true)] out PythonValue? value, [NotNullWhen(false)] out string? error)
    {
        var literal = new PythonLiteral(text);
        try
        {
            value = literal.ReadValue(0);
            literal.SkipBlanks();
            error = literal._at < text.Length ? literal.Unexpected("the end").Message : null;
        }
        catch (FormatException e)
        {
            value = null;
            error = e.Message;
        }

        value = error is null ? value : null;
        return error is null;
    }

    private char Current => _at < _text.Length ? _text[_at] : '\0';

    private PythonValue ReadValue(int depth)
    {
        SkipBlanks();
        if (depth >= MaxDepth && Current is '{' or '[' or '(')
        {
            throw Wrong(_at, $"more than {MaxDepth} levels of brackets");
        }

        return Current switch
        {
            '{' => ReadMapping(depth),
            '[' => ReadSequence(']', depth),
            '(' => ReadSequence(')', depth),
            '\'' or '"' => ReadText(),
            '-' or '+' or '.' => ReadNumber(),
            _ when char.IsAsciiDigit(Current) => ReadNumber(),
            _ when char.IsAsciiLetter(Current) => ReadWord(),
            _ => throw Unexpected("a value"),
        };
    }

    private PythonValue.Mapping ReadMapping(int depth)
    {
        _at++;
        var entries = new List<KeyValuePair<PythonValue, PythonValue>>();
        while (!TryTake('}'))
        {
            PythonValue key = ReadValue(depth + 1);
            Expect(':');
            PythonValue value = ReadValue(depth + 1);
            entries.Add(new(key, value));
            if (!TryTake(','))
            {
                Expect('}', "',' or '}'");
                break;
            }
        }

        return new PythonValue.Mapping(LastOfEach(entries));
    }

    private static ImmutableArray<KeyValuePair<PythonValue, PythonValue>> LastOfEach(List<KeyValuePair<PythonValue, PythonValue>> entries)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        entries.Reverse();
        entries.RemoveAll(entry => entry.Key is PythonValue.Text key && !seen.Add(key.Value));
        entries.Reverse();
        return [.. entries];
    }

    /// <summary>A list or tuple; a single value in parentheses without a comma is that value.</summary>
    private PythonValue ReadSequence(char close, int depth)
    {
        _at++;
        ImmutableArray<PythonValue>.Builder items = ImmutableArray.CreateBuilder<PythonValue>();
        bool comma = false;
        while (!TryTake(close))
        {
            items.Add(ReadValue(depth + 1));
            if (!TryTake(','))
            {
                Expect(close, $"',' or '{close}'");
                break;
            }

            comma = true;
        }

        return close == ')' && items.Count == 1 && !comma ? items[0] : new PythonValue.Sequence(items.ToImmutable());
    }

    /// <summary>Adjacent strings are one string.</summary>
    private PythonValue.Text ReadText()
    {
        var all = new StringBuilder();
        do
        {
            all.Append(PythonString.Read(_text, ref _at));
            SkipBlanks();
        }
        while (PythonString.StartsAt(_text, _at));
        return new PythonValue.Text(all.ToString());
    }

    private PythonValue ReadWord()
    {
        if (PythonString.StartsAt(_text, _at))
        {
            return ReadText();
        }

        int start = _at;
        while (char.IsAsciiLetterOrDigit(Current) || Current == '_')
        {
            _at++;
        }

        string word = _text[start.._at];
        return word switch
        {
            "True" => new PythonValue.Truth(true),
            "False" => new PythonValue.Truth(false),
            "None" => new PythonValue.None(),
            _ => throw Wrong(start, $"{Quoted.Text(word)} is not a literal (a string needs quotes)"),
        };
    }

    private PythonValue ReadNumber()
    {
        int start = _at;
        while (char.IsAsciiLetterOrDigit(Current) || Current is '.' or '_' || (Current is '-' or '+' && (_at == start || _text[_at - 1] is 'e' or 'E')))
        {
            _at++;
        }

        string digits = _text[start.._at].Replace("_", "", StringComparison.Ordinal);
        if (digits.Length > MaxDigits || !char.IsAsciiDigit(digits.TrimStart('-', '+', '.').FirstOrDefault()))
        {
            throw Wrong(start, $"{Quoted.Text(_text[start.._at])} is not a number");
        }

        return ToWhole(digits) is { } whole ? new PythonValue.Whole(whole)
            : double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) ? new PythonValue.Real(real)
            : throw Wrong(start, $"{Quoted.Text(_text[start.._at])} is not a number");
    }

    /// <summary>Decimal (with the L that Python 2 wrote) or 0x; null for anything else.</summary>
    private static BigInteger? ToWhole(string digits)
    {
        bool negative = digits.StartsWith('-');
        ReadOnlySpan<char> body = digits.AsSpan(negative || digits.StartsWith('+') ? 1 : 0);
        bool hex = body.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        body = hex ? body[2..] : body.TrimEnd("Ll");
        string text = hex ? $"0{body}" : body.ToString();
        NumberStyles style = hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        return !body.IsEmpty && BigInteger.TryParse(text, style, CultureInfo.InvariantCulture, out BigInteger value)
            ? negative ? -value : value
            : null;
    }

    private void SkipBlanks()
    {
        while (Current is ' ' or '\t' or '\r' or '\n' or '\f')
        {
            _at++;
        }
    }

    private bool TryTake(char c)
    {
        SkipBlanks();
        if (_at >= _text.Length || Current != c)
        {
            return false;
        }

        _at++;
        return true;
    }

    private void Expect(char c, string? what = null)
    {
        if (!TryTake(c))
        {
            throw Unexpected(what ?? $"'{c}'");
        }
    }

    private FormatException Unexpected(string wanted) =>
        Wrong(_at, _at >= _text.Length ? $"{wanted} is missing: the text ends" : $"{wanted} should stand where {Quoted.Text(_text[_at].ToString())} is");

    private static FormatException Wrong(int position, string what) => new($"{what} (at character {position + 1})");
}
