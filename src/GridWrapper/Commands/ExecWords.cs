namespace GridWrapper.Commands;

/// <summary>
/// The quick reader of `exec`: a command line without anything unusual is understood here, because the general parser costs a third of the time
/// that a whole `exec` may take. Whatever this does not understand is left to the general parser, which finds the same meaning or the error.
/// </summary>
/// <param name="Options">As given.</param>
/// <param name="Image">The image's text.</param>
/// <param name="Command">The payload's words.</param>
internal sealed record ExecWords(OptionValues Options, string Image, ImmutableArray<string> Command)
{
    /// <param name="words">In the order of <see cref="WordOrder"/>.</param>
    /// <returns>Null when the general parser has to look.</returns>
    internal static ExecWords? Read(ImmutableArray<string> words)
    {
        if (words is not ["exec", ..])
        {
            return null;
        }

        OptionValues options = new();
        string? image = null;
        for (int i = 1; i < words.Length; i++)
        {
            if (words[i] == "--")
            {
                return image is null ? null : new ExecWords(options, image, words[(i + 1)..]);
            }

            if (!words[i].StartsWith('-'))
            {
                if (image is not null)
                {
                    return null;
                }

                image = words[i];
            }
            else if (!TakeOption(words, ref i, options))
            {
                return null;
            }
        }

        return null;
    }

    private static bool TakeOption(ImmutableArray<string> words, ref int at, OptionValues options)
    {
        if (GlobalOptions.Find(words[at], GlobalOptions.OfExec) is not { } option)
        {
            return false;
        }

        bool again = option.Kind == OptionKind.Text && options.Text(option) is not null;
        if (again || (option.Kind != OptionKind.Flag && (at + 1 >= words.Length || words[at + 1].StartsWith('-'))))
        {
            return false;
        }

        options.Add(option, option.Kind == OptionKind.Flag ? "true" : words[++at]);
        return true;
    }
}
