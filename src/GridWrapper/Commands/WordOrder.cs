namespace GridWrapper.Commands;

/// <summary>
/// Brings a command line into the one order that the parser knows, `COMMAND OPTIONS… [IMAGE] -- REST…`, so that the payload's or the transform's
/// own options are never read as ours. Pure.
/// </summary>
internal static class WordOrder
{
    internal static readonly ImmutableArray<string> CommandNames =
        ["run", "exec", "shell", "plan", "probe", "doctor", "selftest", "pull", "cache", "site", "report", "version", "help"];

    /// <summary>The transform's name, as the name of a link to this file or as its first word.</summary>
    private const string TransformName = "runcontainer";

    /// <summary>Options that the transform's calling convention has too; in the bare form they are the transform's.</summary>
    private static readonly ImmutableArray<string> TransformsOwn = ["--workdir", "--env", "--debug"];

    /// <param name="programName">argv[0]'s last component.</param>
    /// <param name="words">argv without the program.</param>
    internal static ImmutableArray<string> Normalise(string programName, ImmutableArray<string> words)
    {
        if (programName == TransformName || words is [TransformName, ..])
        {
            return Bare(words is [TransformName, ..] ? words[1..] : words);
        }

        // `gridwrap --dry-run exec …`: leading options of ours go behind the command.
        int first = 0;
        while (first < words.Length && TakesValue(words[first]) is { } value)
        {
            first += value && !words[first].Contains('=', StringComparison.Ordinal) ? 2 : 1;
        }

        if (first >= words.Length)
        {
            return words;
        }

        if (IsHelp(words[first]))
        {
            return words;
        }

        if (!CommandNames.Contains(words[first]))
        {
            return Bare(words);
        }

        ImmutableArray<string> leading = words[..first];
        ImmutableArray<string> rest = words[(first + 1)..];
        return words[first] switch
        {
            "exec" or "shell" => ["exec" == words[first] ? "exec" : "shell", .. leading, .. Image(rest)],
            "run" when !rest.Contains("--") && !rest.Any(IsOurSource) && !rest.Any(IsHelp) => Bare([.. leading, .. rest]),
            _ => [words[first], .. leading, .. rest],
        };
    }

    private static bool IsHelp(string word) => word is "-h" or "--help" or "-?" or "--version";

    private static bool IsOurSource(string word) =>
        word is "--job" or "--pull-job" || word.StartsWith("--job=", StringComparison.Ordinal);

    /// <summary>The transform's own calling convention: what is not exactly an option of ours is a job parameter.</summary>
    private static ImmutableArray<string> Bare(ImmutableArray<string> words)
    {
        List<string> ours = ["run"];
        List<string> job = [];
        for (int i = 0; i < words.Length; i++)
        {
            string name = words[i].Split('=')[0];
            bool? takesValue = TransformsOwn.Contains(name) ? null : TakesValue(words[i]);
            if (words[i] is "-p" or "-o" or "-i" && i + 1 < words.Length)
            {
                job.AddRange([words[i], words[++i]]);
            }
            else if (takesValue is null)
            {
                job.Add(words[i]);
            }
            else
            {
                ours.Add(words[i]);
                if (takesValue.Value && !words[i].Contains('=', StringComparison.Ordinal) && i + 1 < words.Length)
                {
                    ours.Add(words[++i]);
                }
            }
        }

        return [.. ours, "--", .. job];
    }

    /// <summary>Options, the image, then everything else behind `--`. Options of ours may also stand between the image and an explicit `--`.</summary>
    private static ImmutableArray<string> Image(ImmutableArray<string> words)
    {
        int separator = words.IndexOf("--");
        List<string> options = [];
        string? image = null;
        int i = 0;
        for (; i < words.Length; i++)
        {
            if (i == separator)
            {
                i++;
                break;
            }

            if (words[i].StartsWith('-') && (image is null || separator > i))
            {
                options.Add(words[i]);
                if (TakesValue(words[i]) == true && !words[i].Contains('=', StringComparison.Ordinal) && i + 1 < words.Length)
                {
                    options.Add(words[++i]);
                }
            }
            else if (image is null)
            {
                image = words[i];
            }
            else
            {
                break;
            }
        }

        ImmutableArray<string> command = i < words.Length ? words[i..] : [];
        return image is null ? [.. options, .. command.IsEmpty ? command : ["--", .. command]] : [.. options, image, "--", .. command];
    }

    /// <summary>Whether a word is an option of ours, and whether it takes a value; null when it is not ours.</summary>
    private static bool? TakesValue(string word)
    {
        OptionSpec? option = GlobalOptions.Find(word.Split('=')[0], GlobalOptions.All);
        return option is null ? null : option.Kind != OptionKind.Flag;
    }
}
