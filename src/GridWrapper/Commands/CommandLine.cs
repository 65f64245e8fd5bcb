using System.CommandLine;
using System.CommandLine.Parsing;
using GridWrapper.Diagnostics;

namespace GridWrapper.Commands;

/// <summary>The tree of commands, and how their parse errors become exit 64.</summary>
internal static class CommandLine
{
    /// <param name="words">In the order of <see cref="WordOrder"/>.</param>
    /// <returns>The exit code.</returns>
    internal static Task<int> RunAsync(ImmutableArray<string> words) =>
        ExecWords.Read(words) is { } exec ? ExecCommand.RunAsync(exec) : ParseAndRunAsync(words);

    private static async Task<int> ParseAndRunAsync(ImmutableArray<string> words)
    {
        ParseResult parsed = Parse(words);
        bool mistyped = IsMistyped(words);
        ImmutableArray<string> faults = mistyped
            ? [$"{Quoted.Text(words[2])} is neither a command nor a job parameter{NearestName.Hint(words[2], WordOrder.CommandNames.Concat(["--help", "--version"]))}"]
            : Faults(parsed, words);
        if (!faults.IsEmpty)
        {
            string help = mistyped || parsed.CommandResult.Command is RootCommand ? "gridwrap" : $"gridwrap {parsed.CommandResult.Command.Name}";
            throw GridWrapperException.BadCommandLine($"{string.Join("; ", faults)}. See {help} --help");
        }

        // Signals are ours: a payload must get them, and a report must still be sent.
        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    internal static ParseResult Parse(ImmutableArray<string> words) =>
        Build(words.FirstOrDefault()).Parse(words, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });

    /// <summary>One word, or a line whose first word is no option, is never a transform's line: somebody mistyped a command.</summary>
    private static bool IsMistyped(ImmutableArray<string> words) =>
        words is ["run", "--", { } first, ..] && (words.Length == 3 || first is not ['-', ..]) && !words.Contains("-p");

    /// <summary>What is wrong with the words, one short sentence each, unknown options with the nearest known one.</summary>
    private static ImmutableArray<string> Faults(ParseResult parsed, ImmutableArray<string> words)
    {
        if (parsed.CommandResult.Command is RootCommand)
        {
            return words is [{ } command, ..] && WordOrder.CommandNames.Contains(command) ? [$"{command} is not in this version"] : [.. Texts(parsed)];
        }

        ImmutableArray<string> unknown = [.. UnknownOptions(parsed)];
        return unknown.IsEmpty ? [.. Texts(parsed)] : [.. unknown.Select(u => Unknown(parsed, u))];
    }

    /// <summary>The parser takes an unknown option for an argument where the command has room for one.</summary>
    private static IEnumerable<string> UnknownOptions(ParseResult parsed)
    {
        ImmutableArray<Token> arguments = [.. parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens)];
        return parsed.Tokens.TakeWhile(t => t.Type != TokenType.DoubleDash)
            .Where(t => t.Value.Length > 1 && t.Value[0] == '-' && (arguments.Any(a => ReferenceEquals(a, t)) || parsed.UnmatchedTokens.Contains(t.Value)))
            .Select(t => t.Value);
    }

    private static string Unknown(ParseResult parsed, string word)
    {
        Command command = parsed.CommandResult.Command;
        string name = word.Split('=')[0];
        return $"{command.Name} has no option {name}{NearestName.Hint(name, command.Options.Select(o => o.Name))}";
    }

    private static IEnumerable<string> Texts(ParseResult parsed)
    {
        ImmutableArray<string> unmatched = [.. parsed.UnmatchedTokens];
        if (!unmatched.IsEmpty)
        {
            ImmutableArray<string> known = [.. parsed.CommandResult.Command.Subcommands.Select(c => c.Name)];
            return known.IsEmpty
                ? [$"{parsed.CommandResult.Command.Name} does not take {Quoted.Text(unmatched[0])}"]
                : [$"{Quoted.Text(unmatched[0])} is none of {string.Join(", ", known)}{NearestName.Hint(unmatched[0], known)}"];
        }

        return parsed.Errors.Select(e => e.SymbolResult is ArgumentResult { Argument.Name: { } missing }
            ? $"{parsed.CommandResult.Command.Name} needs {missing}"
            : e.Message.TrimEnd('.')).Distinct(StringComparer.Ordinal);
    }

    private static RootCommand Build(string? wanted)
    {
        RootCommand root = new("Runs a grid job's payload in the container image it asked for: no root, no daemon, no setuid, nothing installed.")
        {
            TreatUnmatchedTokensAsErrors = true,
        };
        (string Name, Func<Command> Create)[] all =
        [
            ("run", RunCommand.Create),
            ("exec", () => ExecCommand.Create("exec")),
            ("shell", () => ExecCommand.Create("shell")),
            ("plan", PlanCommand.Create),
            ("probe", ProbeCommand.Create),
            ("selftest", SelftestCommand.Create),
            ("pull", PullCommand.Create),
            ("cache", CacheCommand.Create),
            ("site", SiteCommand.Create),
            ("report", ReportCommand.Create),
            ("version", VersionCommand.Create),
        ];

        // Only the wanted command is built where it is known: the others cost start-up time of every exec.
        bool known = all.Any(c => c.Name == wanted);
        foreach ((string name, Func<Command> create) in all)
        {
            if (!known || name == wanted)
            {
                root.Subcommands.Add(create());
            }
        }

        return root;
    }
}
