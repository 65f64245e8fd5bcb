using GridWrapper.Jobs;

namespace GridWrapper.Running;

/// <summary>
/// containerOptions.execArgs, free text that the job's owner wrote for ATLAS's container set-up or for Apptainer. What changes nothing here (no home is ever
/// shown, devices are found) is passed over; a bind is not done, because the job's owner has no say in what of the node is shown. Pure.
/// </summary>
internal sealed record ExecArguments
{
    internal static ExecArguments None { get; } = new();

    public bool NoCvmfs { get; init; }

    public ImmutableArray<KeyValuePair<string, string>> Environment { get; init; } = [];

    /// <summary>What was asked for and is not done, for the log.</summary>
    public ImmutableArray<string> Ignored { get; init; } = [];

    internal static ExecArguments Read(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return None;
        }

        try
        {
            return Read([.. ShellWords.Split(text)]);
        }
        catch (FormatException)
        {
            return new ExecArguments { Ignored = [text] };
        }
    }

    private static ExecArguments Read(List<string> words)
    {
        ExecArguments result = None;
        List<KeyValuePair<string, string>> variables = [];
        List<string> ignored = [];
        for (int i = 0; i < words.Count; i++)
        {
            string word = words[i];
            string? value = word.StartsWith("--", StringComparison.Ordinal) && word.Contains('=', StringComparison.Ordinal) ? word[(word.IndexOf('=', StringComparison.Ordinal) + 1)..] : null;
            switch (value is null ? word : word[..^(value.Length + 1)])
            {
                case "--nocvmfs":
                    result = result with { NoCvmfs = true };
                    break;
                case "--nohome" or "--no-home" or "--nv" or "--rocm" or "--cleanenv" or "--contain" or "--containall" or "--ipc" or "--pid" or "-c" or "-C" or "-i" or "-p":
                    break;
                case "-e" when i + 1 < words.Count && !words[i + 1].StartsWith("--no", StringComparison.Ordinal) && words[i + 1].StartsWith('-'):
                    words.InsertRange(i + 2, ShellWords.Split(words[i + 1]));
                    i++;
                    break;
                case "-e":
                    break;
                case "--env" when (value ?? (i + 1 < words.Count ? words[++i] : null)) is { } pair && pair.IndexOf('=', StringComparison.Ordinal) is > 0 and { } equals:
                    variables.Add(new(pair[..equals], pair[(equals + 1)..]));
                    break;
                case "-B" or "--bind" or "--mount" when value is null && i + 1 < words.Count:
                    ignored.Add($"{word} {words[++i]}");
                    break;
                default:
                    ignored.Add(word);
                    break;
            }
        }

        return result with { Environment = [.. variables], Ignored = [.. ignored] };
    }
}
