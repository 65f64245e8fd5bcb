using GridWrapper.Diagnostics;

namespace GridWrapper.Jobs;

/// <summary>What an output and its logical file name must be, so that a job that cannot deliver is refused before it runs and not after.</summary>
internal static class OutputRules
{
    internal const string RegexPrefix = "regex|";

    /// <summary>Characters; the pilot's own limit (its error 1190).</summary>
    internal const int MaxLfnCharacters = 255;

    /// <param name="output">The entry.</param>
    /// <param name="isTemplate">The names hold templates, so only the produced name can be judged.</param>
    /// <param name="faults">Receives what is wrong.</param>
    internal static void Check(OutputSpec output, bool isTemplate, FaultList faults)
    {
        if (output.Kind == OutputKind.Regex)
        {
            CheckRegex(output.Name[RegexPrefix.Length..], faults);
            return;
        }

        if (!isTemplate)
        {
            CheckLfn(output.Lfn, faults);
        }

        if (output.Name.Length == 0)
        {
            faults.Add($"-o has an empty produced name for {Quoted.Text(output.Lfn)}");
        }
        else if (LeavesDirectory(output.Name))
        {
            faults.Add($"-o names {Quoted.Text(output.Name)}, which is not below the job directory, where outputs are looked for");
        }
    }

    /// <summary>Two outputs under one name would overwrite each other.</summary>
    internal static void CheckTogether(IEnumerable<OutputSpec> outputs, FaultList faults)
    {
        IEnumerable<OutputSpec> named = outputs.Where(output => output.Kind != OutputKind.Regex);
        foreach (IGrouping<string, OutputSpec> same in named.GroupBy(output => output.Lfn, StringComparer.Ordinal))
        {
            if (same.Skip(1).Any())
            {
                faults.Add($"-o delivers {string.Join(" and ", same.Select(output => Quoted.Text(output.Name)))} under the same name {Quoted.Text(same.Key)}");
            }
        }
    }

    /// <summary>Absolute, or with a ".." component, or no path at all.</summary>
    internal static bool LeavesDirectory(string path) => path.StartsWith('/') || path.Split('/').Contains("..") || path.Any(char.IsControl);

    private static void CheckLfn(string lfn, FaultList faults)
    {
        if (lfn.Length == 0 || lfn is "." or "..")
        {
            faults.Add($"-o gives the file name {Quoted.Text(lfn)}, which is none", PilotError.BadOutputFileName);
        }
        else if (lfn.Contains('/', StringComparison.Ordinal))
        {
            faults.Add(
                $"-o gives the file name {Quoted.Text(lfn)}; outputs lie directly in the job directory, so it must not hold '/'",
                PilotError.BadOutputFileName);
        }
        else if (lfn.Length > MaxLfnCharacters)
        {
            faults.Add(
                $"-o gives a file name of {lfn.Length} characters; at most {MaxLfnCharacters} are allowed: {Quoted.Text(lfn)}",
                PilotError.LfnTooLong);
        }
        else if (lfn.Any(c => !char.IsAscii(c) || char.IsControl(c)))
        {
            faults.Add($"-o gives the file name {Quoted.Text(lfn)}; only printable ASCII is allowed", PilotError.BadOutputFileName);
        }
    }

    private static void CheckRegex(string pattern, FaultList faults)
    {
        if (!NamePattern.TryParse(pattern, out _, out string error))
        {
            faults.Add($"-o holds the regular expression {Quoted.Text(pattern)}, which cannot be used: {error}");
        }
    }
}
