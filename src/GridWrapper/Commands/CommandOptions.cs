using System.CommandLine;

namespace GridWrapper.Commands;

/// <summary>Between our options and System.CommandLine, which parses, explains and suggests for every command but a plain `exec`.</summary>
internal static class CommandOptions
{
    internal static void Add(Command command, params IEnumerable<OptionSpec> options)
    {
        foreach (OptionSpec option in options)
        {
            command.Options.Add(option.Kind switch
            {
                OptionKind.Flag => new Option<bool>(option.Name) { Description = option.Description },
                OptionKind.List => new Option<string[]>(option.Name) { Description = option.Description, HelpName = option.ValueName, AllowMultipleArgumentsPerToken = false },
                _ => new Option<string?>(option.Name) { Description = option.Description, HelpName = option.ValueName },
            });
        }
    }

    internal static OptionValues Values(ParseResult parsed)
    {
        OptionValues values = new();
        foreach (Option option in parsed.CommandResult.Command.Options)
        {
            foreach (string value in Given(parsed, option))
            {
                values.Add(new OptionSpec(option.Name, OptionKind.Text, ""), value);
            }
        }

        return values;
    }

    private static string[] Given(ParseResult parsed, Option option) => option switch
    {
        Option<bool> flag => parsed.GetValue(flag) ? ["true"] : [],
        Option<string?> text => parsed.GetValue(text) is { } value ? [value] : [],
        Option<string[]> list => parsed.GetValue(list) ?? [],
        _ => [],
    };
}
