namespace GridWrapper.Jobs;

/// <summary>
/// Splits text into words as Python's shlex does in its POSIX mode, which is what the PanDA pilot does with job parameters. Unlike a shell, a backslash
/// between double quotes escapes only the quote and itself, and nothing is expanded.
/// </summary>
internal static class ShellWords
{
    /// <exception cref="FormatException">A quote is not closed, or a backslash ends the text.</exception>
    internal static ImmutableArray<string> Split(string text)
    {
        ImmutableArray<string>.Builder words = ImmutableArray.CreateBuilder<string>();
        var word = new StringBuilder();
        int at = 0;
        while (SkipBlanks(text, ref at))
        {
            word.Clear();
            while (at < text.Length && !IsBlank(text[at]))
            {
                TakePiece(text, ref at, word);
            }

            words.Add(word.ToString());
        }

        return words.ToImmutable();
    }

    private static bool SkipBlanks(string text, ref int at)
    {
        while (at < text.Length && IsBlank(text[at]))
        {
            at++;
        }

        return at < text.Length;
    }

    private static bool IsBlank(char c) => c is ' ' or '\t' or '\r' or '\n';

    /// <summary>One character, escaped character, or quoted run.</summary>
    private static void TakePiece(string text, ref int at, StringBuilder word)
    {
        int start = at;
        char c = text[at++];
        switch (c)
        {
            case '\'':
                int end = text.IndexOf('\'', at);
                word.Append(text, at, end >= 0 ? end - at : throw Unclosed('\'', start));
                at = end + 1;
                break;
            case '"':
                TakeDoubleQuoted(text, ref at, word);
                break;
            case '\\':
                word.Append(at < text.Length ? text[at] : throw new FormatException("it ends in a backslash that escapes nothing"));
                at++;
                break;
            default:
                word.Append(c);
                break;
        }
    }

    private static void TakeDoubleQuoted(string text, ref int at, StringBuilder word)
    {
        int start = at - 1;
        while (at < text.Length)
        {
            char c = text[at++];
            if (c == '"')
            {
                return;
            }

            if (c == '\\' && at < text.Length && text[at] is '"' or '\\')
            {
                c = text[at++];
            }

            word.Append(c);
        }

        throw Unclosed('"', start);
    }

    private static FormatException Unclosed(char quote, int position) => new($"the quote {quote} at character {position + 1} is not closed");
}
