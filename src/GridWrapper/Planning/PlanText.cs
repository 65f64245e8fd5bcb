namespace GridWrapper.Planning;

/// <summary>A plan as aligned lines for people.</summary>
internal static class PlanText
{
    internal static string Format(RunPlan plan)
    {
        StringBuilder text = new();
        text.AppendLine(Row("", "strategy", "launcher", "verdict", "fetch", "seconds", "reason"));
        foreach (Candidate candidate in plan.Candidates)
        {
            text.AppendLine(Row(
                candidate == plan.Chosen ? "->" : "",
                candidate.Strategy,
                candidate.Launcher,
                candidate.Verdict switch
                {
                    Verdict.Usable => "usable",
                    Verdict.Refused { NotApplicable: true } => "-",
                    _ => "refused",
                },
                candidate.IsUsable ? Size(candidate.Cost.Bytes) : "",
                candidate.IsUsable ? candidate.Cost.Seconds.ToString("0.0", CultureInfo.InvariantCulture) : "",
                candidate.Way.Length == 0 ? candidate.Verdict.Reason : $"{candidate.Way}: {candidate.Verdict.Reason}"));
        }

        return text.ToString();
    }

    /// <summary>"0 B", "12 kB", "3.4 MB": powers of 1000.</summary>
    internal static string Size(long bytes) => bytes switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB"),
    };

    private static string Row(string mark, string strategy, string launcher, string verdict, string fetch, string seconds, string reason) =>
        $"{mark,-2} {strategy,-12} {launcher,-10} {verdict,-8} {fetch,8} {seconds,7}  {reason}".TrimEnd();
}
