using Newtonsoft.Json.Linq;

namespace GridWrapper.Probing;

/// <summary>
/// The part of YAML that generated files consist of: block mappings and sequences, plain and quoted scalars on one line, comments, empty [] and {}. Scalars stay texts.
/// Everything else (anchors, tags, folded texts, flow collections) is refused, not guessed.
/// </summary>
internal static class SimpleYaml
{
    private const int MaxDepth = 16;

    /// <exception cref="FormatException">Something that is not understood, with its line.</exception>
    internal static JToken Parse(string text)
    {
        List<Line> lines = [];
        string[] raw = text.Split('\n');
        for (int i = 0; i < raw.Length; i++)
        {
            string content = WithoutComment(raw[i].TrimEnd('\r', ' '));
            string trimmed = content.TrimStart(' ');
            if (trimmed.StartsWith('\t'))
            {
                throw new FormatException(At(i + 1, "a tab stands where YAML allows blanks only"));
            }

            if (trimmed.Length > 0 && trimmed is not "---")
            {
                lines.Add(new Line(i + 1, content.Length - trimmed.Length, trimmed));
            }
        }

        int at = 0;
        JToken result = Block(lines, ref at, 0);
        return at == lines.Count ? result : throw new FormatException(At(lines[at].Number, "it is indented in a way that is not understood"));
    }

    private static JToken Block(List<Line> lines, ref int at, int depth)
    {
        if (at >= lines.Count)
        {
            throw new FormatException("it is empty");
        }

        if (depth > MaxDepth)
        {
            throw new FormatException(At(lines[at].Number, "it nests too deeply"));
        }

        return IsItem(lines[at].Text) ? Sequence(lines, ref at, depth) : Mapping(lines, ref at, depth);
    }

    private static JArray Sequence(List<Line> lines, ref int at, int depth)
    {
        int indent = lines[at].Indent;
        JArray items = [];
        while (at < lines.Count && lines[at].Indent == indent && IsItem(lines[at].Text))
        {
            string rest = lines[at].Text[1..].TrimStart(' ');
            int inner = indent + lines[at].Text.Length - rest.Length;
            if (rest.Length == 0)
            {
                at++;
                items.Add(Block(lines, ref at, depth + 1));
            }
            else if (IsItem(rest) || KeyEnd(rest) >= 0)
            {
                // What follows the dash is the first line of a block that stands there.
                lines[at] = lines[at] with { Indent = inner, Text = rest };
                items.Add(Block(lines, ref at, depth + 1));
            }
            else
            {
                items.Add(Scalar(rest, lines[at].Number));
                at++;
            }
        }

        return items;
    }

    private static JObject Mapping(List<Line> lines, ref int at, int depth)
    {
        int indent = lines[at].Indent;
        JObject members = [];
        while (at < lines.Count && lines[at].Indent == indent && !IsItem(lines[at].Text))
        {
            Line line = lines[at];
            int end = KeyEnd(line.Text);
            if (end < 0)
            {
                throw new FormatException(At(line.Number, "a key with ':' was expected"));
            }

            string key = (string)Scalar(line.Text[..end], line.Number)!;
            string rest = line.Text[(end + 1)..].TrimStart(' ');
            at++;
            if (rest.Length > 0)
            {
                members[key] = Scalar(rest, line.Number);
            }
            else
            {
                // A sequence may stand as far left as its key.
                bool nested = at < lines.Count && (lines[at].Indent > indent || (lines[at].Indent == indent && IsItem(lines[at].Text)));
                members[key] = nested ? Block(lines, ref at, depth + 1) : JValue.CreateNull();
            }
        }

        return members;
    }

    private static bool IsItem(string text) => text == "-" || text.StartsWith("- ", StringComparison.Ordinal);

    /// <summary>The colon behind a key, -1 where the text is none.</summary>
    private static int KeyEnd(string text)
    {
        int from = 0;
        if (text[0] is '"' or '\'')
        {
            from = text.IndexOf(text[0], 1);
            if (from < 0)
            {
                return -1;
            }
        }

        for (int i = from; i < text.Length; i++)
        {
            if (text[i] == ':' && (i + 1 == text.Length || text[i + 1] == ' '))
            {
                return i;
            }
        }

        return -1;
    }

    private static JToken Scalar(string text, int line)
    {
        if (text is "[]" or "{}")
        {
            return text == "[]" ? new JArray() : new JObject();
        }

        if (text is ['"', .., '"'] and { Length: > 1 })
        {
            return JToken.Parse(text);
        }

        if (text is ['\'', .., '\''] and { Length: > 1 })
        {
            return text[1..^1].Replace("''", "'", StringComparison.Ordinal);
        }

        return text[0] is '&' or '*' or '!' or '|' or '>' or '[' or '{' or '%' or '@' or '`' or '"' or '\'' or '?'
            ? throw new FormatException(At(line, $"{text} is a form that is not read here"))
            : text;
    }

    /// <summary>A '#' begins a comment at the start of a line and behind a blank, outside of quotes.</summary>
    private static string WithoutComment(string line)
    {
        char quote = '\0';
        for (int i = 0; i < line.Length; i++)
        {
            if (quote != '\0')
            {
                quote = line[i] == quote ? '\0' : quote;
            }
            else if (line[i] is '"' or '\'' && (i == 0 || line[i - 1] == ' '))
            {
                quote = line[i];
            }
            else if (line[i] == '#' && (i == 0 || line[i - 1] == ' '))
            {
                return line[..i].TrimEnd(' ');
            }
        }

        return line;
    }

    private static string At(int line, string what) => string.Create(CultureInfo.InvariantCulture, $"line {line}: {what}");

    private readonly record struct Line(int Number, int Indent, string Text);
}
