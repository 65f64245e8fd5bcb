using GridWrapper.Diagnostics;

namespace GridWrapper.Commands;

/// <summary>A command line of Apptainer's, taken apart by its rules: options end at the first word that is none, switches with one dash may be bundled. Pure.</summary>
/// <param name="Given">Options with their values ("true" for a switch), in the order given.</param>
/// <param name="Rest">From the first word that is no option.</param>
internal sealed record ApptainerWords(ImmutableArray<(ApptainerMeaning Meaning, string Value)> Given, ImmutableArray<string> Rest)
{
    /// <param name="verb">For messages.</param>
    /// <param name="known">The options that may come.</param>
    /// <param name="words">From the first one behind the verb.</param>
    /// <exception cref="GridWrapperException">An option is not known or lacks its value.</exception>
    internal static ApptainerWords Read(string verb, ImmutableArray<ApptainerOption> known, ImmutableArray<string> words)
    {
        List<(ApptainerMeaning, string)> given = [];
        int at = 0;
        while (at < words.Length && words[at] is ['-', _, ..] word)
        {
            at++;
            if (word == "--")
            {
                break;
            }

            if (word.StartsWith("--", StringComparison.Ordinal))
            {
                Long(new Reading(verb, known, words, given), word, ref at);
            }
            else
            {
                Short(new Reading(verb, known, words, given), word, ref at);
            }
        }

        return new ApptainerWords([.. given], words[at..]);
    }

    /// <summary>The same with what variables ask for put before what was given, so that the command line wins.</summary>
    internal ApptainerWords With(ImmutableArray<ApptainerOption> known, IReadOnlyDictionary<string, string> environment)
    {
        List<(ApptainerMeaning, string)> asked = [];
        foreach (ApptainerOption option in known)
        {
            foreach (string name in option.Variables)
            {
                foreach (string prefix in (string[])["SINGULARITY_", "APPTAINER_"])
                {
                    if (environment.TryGetValue(prefix + name, out string? value) && value.Length > 0 && (option.TakesValue || IsYes(value)))
                    {
                        asked.Add((option.Meaning, option.TakesValue ? value : "true"));
                    }
                }
            }
        }

        return this with { Given = [.. asked, .. Given] };
    }

    internal bool Has(ApptainerMeaning meaning) => Given.Any(g => g.Meaning == meaning);

    /// <summary>The last one given, null where none was.</summary>
    internal string? Last(ApptainerMeaning meaning) => Given.LastOrDefault(g => g.Meaning == meaning).Value;

    internal IEnumerable<string> All(ApptainerMeaning meaning) => Given.Where(g => g.Meaning == meaning).Select(g => g.Value);

    /// <summary>Apptainer takes any other value of such a variable for a yes, too, but for these.</summary>
    private static bool IsYes(string value) => value.ToUpperInvariant() is not ("0" or "F" or "FALSE" or "NO" or "OFF" or "N");

    private static void Long(Reading reading, string word, ref int at)
    {
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? word : word[..equals];
        ApptainerOption option = reading.Known.FirstOrDefault(o => o.Names.Contains(name)) ?? throw Unknown(reading, name);
        if (option.TakesValue)
        {
            reading.Given.Add((option.Meaning, equals < 0 ? Next(reading, name, ref at) : word[(equals + 1)..]));
        }
        else if (equals < 0 || IsYes(word[(equals + 1)..]))
        {
            reading.Given.Add((option.Meaning, "true"));
        }
    }

    /// <summary>-ci, -B/a:/b, -B /a:/b.</summary>
    private static void Short(Reading reading, string word, ref int at)
    {
        for (int i = 1; i < word.Length; i++)
        {
            string name = $"-{word[i]}";
            ApptainerOption option = reading.Known.FirstOrDefault(o => o.Names.Contains(name)) ?? throw Unknown(reading, name);
            if (!option.TakesValue)
            {
                reading.Given.Add((option.Meaning, "true"));
                continue;
            }

            reading.Given.Add((option.Meaning, i + 1 < word.Length ? word[(i + 1)..].TrimStart('=') : Next(reading, name, ref at)));
            return;
        }
    }

    private static string Next(Reading reading, string name, ref int at) => at < reading.Words.Length
        ? reading.Words[at++]
        : throw GridWrapperException.BadCommandLine($"{reading.Verb} {name} needs a value");

    private static GridWrapperException Unknown(Reading reading, string name) => GridWrapperException.BadCommandLine(
        $"{reading.Verb} has no option {name} here{NearestName.Hint(name, reading.Known.SelectMany(o => o.Names))}; docs/personalities.md lists what gridwrap understands when it is called as Apptainer");

    private sealed record Reading(string Verb, ImmutableArray<ApptainerOption> Known, ImmutableArray<string> Words, List<(ApptainerMeaning, string)> Given);
}
