using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>
/// Recovers an image's Env, Entrypoint and Cmd from the shell files that DUCC writes into a flat tree (.singularity.d), where the registry does not answer.
/// The files are read as texts of a known form and never executed. WorkingDir and User are not in them.
/// </summary>
internal static class SingularityMetadata
{
    /// <summary>Null when neither file says anything.</summary>
    internal static ImageConfig? Parse(string environment, string runscript, Platform platform)
    {
        ImmutableArray<string> env = ParseEnvironment(environment);
        ImmutableArray<string> entrypoint = ParseArguments(runscript, "OCI_ENTRYPOINT");
        ImmutableArray<string> cmd = ParseArguments(runscript, "OCI_CMD");
        return env.IsEmpty && entrypoint.IsEmpty && cmd.IsEmpty ? null : new ImageConfig { Platform = platform, Env = env, Entrypoint = entrypoint, Cmd = cmd };
    }

    /// <summary>
    /// Lines of the forms <c>export PATH="…"</c>, <c>export NAME="${NAME:-"…"}"</c> and <c>export NAME="${NAME:-}"</c> (set in the image without a value).
    /// The quoted text went through shell escaping and then through Go's %q; both are undone, which gives the image's own value.
    /// </summary>
    internal static ImmutableArray<string> ParseEnvironment(string text)
    {
        const string Export = "export ";
        ImmutableArray<string>.Builder result = ImmutableArray.CreateBuilder<string>();
        foreach (string line in text.Split('\n'))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (!line.StartsWith(Export, StringComparison.Ordinal) || equals < 0)
            {
                continue;
            }

            string name = line[Export.Length..equals];
            string value = line[(equals + 1)..];
            string defaulted = $"\"${{{name}:-";
            if (value.StartsWith(defaulted, StringComparison.Ordinal) && value.EndsWith("}\"", StringComparison.Ordinal))
            {
                value = value[defaulted.Length..^2];
            }

            if (value is ['"', .. string inner, '"'])
            {
                result.Add($"{name}={Unescape(UnquoteGo(inner))}");
            }
        }

        return result.ToImmutable();
    }

    /// <summary>The list in <c>NAME='"arg" "arg"'</c>; empty when the line is missing or empty.</summary>
    internal static ImmutableArray<string> ParseArguments(string runscript, string name)
    {
        string start = $"\n{name}='";
        int from = runscript.IndexOf(start, StringComparison.Ordinal);
        int to = from < 0 ? -1 : runscript.IndexOf("'\n", from + start.Length - 1, StringComparison.Ordinal);
        if (to < from + start.Length)
        {
            return [];
        }

        // Newer writers end the quotes for a single quote ('\''), older ones forgot to.
        string list = runscript[(from + start.Length)..to].Replace("'\\''", "'", StringComparison.Ordinal);
        ImmutableArray<string>.Builder result = ImmutableArray.CreateBuilder<string>();
        StringBuilder? current = null;
        for (int i = 0; i < list.Length; i++)
        {
            if (list[i] == '"')
            {
                if (current is not null)
                {
                    result.Add(current.ToString());
                }

                current = current is null ? new StringBuilder() : null;
            }
            else if (list[i] == '\\' && i + 1 < list.Length)
            {
                current?.Append(list[++i]);
            }
            else
            {
                current?.Append(list[i]);
            }
        }

        return result.ToImmutable();
    }

    /// <summary>Undoes shell escaping: \\ \" \` \$.</summary>
    private static string Unescape(string text)
    {
        StringBuilder result = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            bool escape = text[i] == '\\' && i + 1 < text.Length && text[i + 1] is ('\\' or '"' or '`' or '$');
            result.Append(escape ? text[++i] : text[i]);
        }

        return result.ToString();
    }

    /// <summary>Undoes the inside of a Go %q literal.</summary>
    private static string UnquoteGo(string text)
    {
        const string Letters = "abfnrtv";
        const string Meanings = "\a\b\f\n\r\t\v";
        List<byte> result = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char next = text[i] == '\\' && i + 1 < text.Length ? text[i + 1] : '\0';
            int digits = next switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (digits > 0 && i + 2 + digits <= text.Length
                && int.TryParse(text.AsSpan(i + 2, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code))
            {
                result.AddRange(next == 'x' ? [(byte)code] : Encoding.UTF8.GetBytes(Rune.IsValid(code) ? new Rune(code).ToString() : "\ufffd"));
                i += 1 + digits;
            }
            else if (next != '\0')
            {
                int letter = Letters.IndexOf(next, StringComparison.Ordinal);
                result.AddRange(Encoding.UTF8.GetBytes([letter < 0 ? next : Meanings[letter]]));
                i++;
            }
            else
            {
                int length = i + 1 < text.Length && char.IsSurrogatePair(text, i) ? 2 : 1;
                result.AddRange(Encoding.UTF8.GetBytes(text.Substring(i, length)));
                i += length - 1;
            }
        }

        return Encoding.UTF8.GetString([.. result]);
    }
}
