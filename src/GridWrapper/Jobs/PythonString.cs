namespace GridWrapper.Jobs;

/// <summary>
/// One Python string literal with its prefix (u, b, r and their pairs) and escapes. An unknown escape keeps its backslash, as in Python: regular
/// expressions in the `-o` map arrive that way.
/// </summary>
internal static class PythonString
{
    /// <summary>True if a quote, or prefix letters and a quote, stand at the position.</summary>
    internal static bool StartsAt(string text, int position)
    {
        int quote = QuotePosition(text, position);
        return quote >= 0 && quote - position <= 2;
    }

    /// <exception cref="FormatException">The string is not closed, or an escape is incomplete; with the position, counted from 1.</exception>
    internal static string Read(string text, ref int at)
    {
        int start = at;
        int quote = QuotePosition(text, at);
        ReadOnlySpan<char> prefix = text.AsSpan(at, quote - at);
        bool raw = prefix.ContainsAny('r', 'R');
        bool bytes = prefix.ContainsAny('b', 'B');
        char close = text[quote];
        if (text.AsSpan(quote).StartsWith([close, close, close]))
        {
            throw new FormatException($"strings in triple quotes are not supported (at character {quote + 1})");
        }

        var value = new StringBuilder();
        at = quote + 1;
        while (at < text.Length && text[at] is not ('\n' or '\r'))
        {
            char c = text[at++];
            if (c == close)
            {
                return bytes ? FromUtf8(value.ToString()) : value.ToString();
            }

            if (c != '\\')
            {
                value.Append(c);
            }
            else if (at < text.Length)
            {
                TakeEscape(text, ref at, value, raw ? EscapeSet.Raw : bytes ? EscapeSet.Bytes : EscapeSet.Text);
            }
        }

        throw new FormatException($"the string is not closed (it begins at character {start + 1})");
    }

    private enum EscapeSet
    {
        Text,
        Bytes,
        Raw,
    }

    private static int QuotePosition(string text, int position)
    {
        while (position < text.Length && text[position] is 'u' or 'U' or 'b' or 'B' or 'r' or 'R')
        {
            position++;
        }

        return position < text.Length && text[position] is '\'' or '"' ? position : -1;
    }

    private static void TakeEscape(string text, ref int at, StringBuilder value, EscapeSet set)
    {
        char c = text[at++];
        if (set == EscapeSet.Raw)
        {
            value.Append('\\').Append(c);
            return;
        }

        switch (c)
        {
            case '\n':
                break;
            case '\\' or '\'' or '"':
                value.Append(c);
                break;
            case 'a' or 'b' or 'f' or 'n' or 'r' or 't' or 'v':
                value.Append("\a\b\f\n\r\t\v"["abfnrtv".IndexOf(c, StringComparison.Ordinal)]);
                break;
            case >= '0' and <= '7':
                at--;
                value.Append((char)TakeDigits(text, ref at, 3, 8));
                break;
            case 'x':
                value.Append((char)TakeExactly(text, ref at, 2));
                break;
            case 'u' when set == EscapeSet.Text:
                value.Append((char)TakeExactly(text, ref at, 4));
                break;
            case 'U' when set == EscapeSet.Text:
                value.Append(ToText(TakeExactly(text, ref at, 8), at));
                break;
            case 'N' when set == EscapeSet.Text:
                throw new FormatException($"\\N escapes are not supported (at character {at - 1})");
            default:
                value.Append('\\').Append(c);
                break;
        }
    }

    private static string ToText(long codePoint, int at) =>
        codePoint is >= 0 and <= 0x10ffff && Rune.TryCreate((int)codePoint, out Rune rune)
            ? rune.ToString()
            : throw new FormatException($"\\U{codePoint:x8} is no character (before character {at + 1})");

    private static long TakeExactly(string text, ref int at, int count)
    {
        int start = at;
        long value = TakeDigits(text, ref at, count, 16);
        return at - start == count ? value : throw new FormatException($"an escape needs {count} hex digits (at character {start + 1})");
    }

    private static long TakeDigits(string text, ref int at, int maxCount, int numberBase)
    {
        long value = 0;
        for (int i = 0; i < maxCount && at < text.Length; i++, at++)
        {
            int digit = char.IsAsciiHexDigit(text[at]) ? Convert.ToInt32(text[at].ToString(), 16) : int.MaxValue;
            if (digit >= numberBase)
            {
                break;
            }

            value = (value * numberBase) + digit;
        }

        return value;
    }

    /// <summary>A bytes literal holds one character per byte; text in it was UTF-8.</summary>
    private static string FromUtf8(string bytes) => Encoding.UTF8.GetString([.. bytes.Select(c => (byte)(c & 0xff))]);
}
