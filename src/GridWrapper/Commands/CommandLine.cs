using System.CommandLine;
using GridWrapper.Diagnostics;

namespace GridWrapper.Commands;

/// <summary>The tree of commands, and how their parse errors become exit 64.</summary>
internal static class CommandLine
{
    /// <param name="words">In the order of <see cref="WordOrder"/>.</param>
    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsync(ImmutableArray<string> words)
    {
        ParseResult parsed = Build(words.FirstOrDefault()).Parse(words, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            IEnumerable<string> faults = parsed.Errors.Select(e => e.Message).Distinct(StringComparer.Ordinal);
            throw GridWrapperException.BadInput(
                "command-line",
                $"the command line is wrong: {string.Join("; ", faults)}. {Suggestion(parsed)}See gridwrap {parsed.CommandResult.Command.Name} --help");
        }

        // Signals are ours: a payload must get them, and a report must still be sent.
        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
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

    private static string Suggestion(ParseResult parsed)
    {
        foreach (string word in parsed.UnmatchedTokens.Where(t => t.StartsWith('-')))
        {
            string name = word.Split('=')[0];
            string? nearest = parsed.CommandResult.Command.Options.Select(o => o.Name)
                .OrderBy(o => Distance(o, name)).FirstOrDefault(o => Distance(o, name) <= 3);
            if (nearest is not null)
            {
                return $"Did you mean {nearest}? ";
            }
        }

        return "";
    }

    /// <summary>Levenshtein distance.</summary>
    internal static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }
}
