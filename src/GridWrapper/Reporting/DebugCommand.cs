using System.Text.RegularExpressions;
using GridWrapper.Jobs;

namespace GridWrapper.Reporting;

/// <summary>
/// A look at the job that the workload manager asks for: `tail`, `ls`, `ps` or `du`, of the job directory only. The owner of a job may ask, not the owner of
/// the pilot; so nothing passes that would show another directory, a file with credentials or a process's environment, and no shell is ever asked.
/// </summary>
/// <param name="Program">tail, ls, ps or du.</param>
/// <param name="Options">Each known to be harmless.</param>
/// <param name="File">Relative to the job directory; null for none.</param>
internal sealed partial record DebugCommand(string Program, ImmutableArray<string> Options, string? File)
{
    /// <summary>Words that begin a command of this kind, including the one that is never done here.</summary>
    internal static bool IsOne(string text) => Words(text) is ["tail" or "ls" or "ps" or "du" or "gdb", ..];

    /// <summary>Reads a command.</summary>
    /// <param name="text">As the server sent it.</param>
    /// <param name="command">Null when false is returned.</param>
    /// <param name="error">Why it is refused.</param>
    internal static bool TryParse(string text, out DebugCommand? command, out string error)
    {
        (command, error) = (null, "");
        string[] words = Words(text);
        if (words is not [("tail" or "ls" or "ps" or "du") and var program, .. var rest])
        {
            error = $"only tail, ls, ps and du are done, not '{ServerAnswer.OneLine(text)}'";
            return false;
        }

        List<string> options = [];
        List<string> files = [];
        for (int i = 0; i < rest.Length; i++)
        {
            if (program == "tail" && rest[i] is "-n" or "-c" && i + 1 < rest.Length && Count().IsMatch(rest[i + 1]))
            {
                options.AddRange(rest[i], rest[++i]);
            }
            else if (IsHarmless(program, rest[i]))
            {
                options.Add(rest[i]);
            }
            else if (rest[i].StartsWith('-') || program == "ps")
            {
                error = $"'{program}' is done, but not with '{ServerAnswer.OneLine(rest[i])}'";
                return false;
            }
            else
            {
                files.Add(rest[i]);
            }
        }

        string? bad = files.FirstOrDefault(OutputRules.LeavesDirectory);
        error = bad is not null ? $"'{ServerAnswer.OneLine(bad)}' is not below the job directory"
            : files.Count > 1 ? $"'{program}' is done with one file at a time"
            : program == "tail" && files.Count == 0 ? "'tail' needs the name of a file"
            : "";
        command = error.Length == 0 ? new DebugCommand(program, [.. options], files.FirstOrDefault()) : null;
        return command is not null;
    }

    private static bool IsHarmless(string program, string word) => program switch
    {
        "tail" => TailOption().IsMatch(word),
        "ls" => LsOption().IsMatch(word),
        "du" => DuOption().IsMatch(word),
        _ => PsOption().IsMatch(word),
    };

    private static string[] Words(string text)
    {
        try
        {
            return [.. ShellWords.Split(text)];
        }
        catch (FormatException)
        {
            return [];
        }
    }

    [GeneratedRegex(@"^\+?[0-9]{1,9}$", RegexOptions.CultureInvariant)]
    private static partial Regex Count();

    [GeneratedRegex(@"^-(?:[0-9]{1,9}|[nc][0-9]{1,9}|q)$", RegexOptions.CultureInvariant)]
    private static partial Regex TailOption();

    [GeneratedRegex(@"^-[lahtrRSd1sFAi]+$", RegexOptions.CultureInvariant)]
    private static partial Regex LsOption();

    [GeneratedRegex(@"^(?:-[ahsckmx]+|-d[0-9]|--max-depth=[0-9])$", RegexOptions.CultureInvariant)]
    private static partial Regex DuOption();

    /// <summary>A bare 'e' among BSD's letters would show environments.</summary>
    [GeneratedRegex(@"^(?:-[efFlLjHyTA]+|-?[auxwfjlm]+)$", RegexOptions.CultureInvariant)]
    private static partial Regex PsOption();
}
