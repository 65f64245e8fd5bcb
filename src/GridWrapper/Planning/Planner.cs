using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Sites;
using GridWrapper.Strategies;

namespace GridWrapper.Planning;

/// <summary>Puts every strategy beside every launcher and orders what is usable. Pure: the same facts give the same plan.</summary>
internal static class Planner
{
    /// <param name="input">All that is known.</param>
    /// <param name="strategies">Every strategy of this build; those the profile does not name are refused, not left out.</param>
    /// <param name="launchers">Every launcher of this build, likewise.</param>
    internal static RunPlan Plan(PlanInput input, ImmutableArray<IRootfsStrategy> strategies, ImmutableArray<ILauncher> launchers)
    {
        List<Candidate> candidates = [];
        foreach (ILauncher launcher in launchers)
        {
            Verdict launcherVerdict = Allowed(input.ForcedLauncher, input.Site.Launchers, launcher.Name, "launcher") ?? MissingGpu(input) ?? launcher.Judge(input);
            foreach (IRootfsStrategy strategy in strategies)
            {
                Verdict strategyVerdict = Allowed(input.ForcedStrategy, input.Site.Strategies, strategy.Name, "strategy") ?? Barred(input, strategy.Judge(input, launcher.FormOn(input.Host)));
                candidates.Add(new Candidate(strategy.Name, launcher.Name, Combine(strategyVerdict, OnlyWith(strategy, launcher.Name) ?? launcherVerdict)) { Way = strategy.Way });
            }
        }

        candidates.Sort((a, b) => Compare(a, b, input.Site));
        return new RunPlan([.. WithoutIdleWays(candidates)]);
    }

    /// <summary>Of a strategy with several ways, those that do not apply are one line, and none where another way has something to say.</summary>
    private static IEnumerable<Candidate> WithoutIdleWays(List<Candidate> candidates)
    {
        HashSet<(string Strategy, string Launcher)> said = [];
        foreach (Candidate candidate in candidates)
        {
            if (candidate.Way.Length == 0 || !IsNotApplicable(candidate))
            {
                said.Add((candidate.Strategy, candidate.Launcher));
                yield return candidate;
            }
            else if (said.Add((candidate.Strategy, candidate.Launcher)))
            {
                yield return candidate with { Way = "" };
            }
        }
    }

    private static Verdict.Refused? OnlyWith(IRootfsStrategy strategy, string launcher) =>
        strategy.OnlyLauncher is { } only && only != launcher ? Verdict.DoesNotApply($"{(strategy.Way.Length == 0 ? strategy.Name : $"{strategy.Name} ({strategy.Way})")} needs the launcher {only}") : null;

    /// <summary>What the site's image policy bars is refused in every way that would have served it.</summary>
    private static Verdict Barred(PlanInput input, Verdict verdict) => input.Image.Barred is not { } barred || verdict is Verdict.Refused { NotApplicable: true } ? verdict : new Verdict.Refused
    {
        Reason = barred.Message,
        Blame = barred.Blame,
        PilotErrorCode = barred.PilotErrorCode,
        Retryable = barred.Retryable,
    };

    private static Verdict.Refused? MissingGpu(PlanInput input) => input.MissingGpu is not { } reason ? null : new Verdict.Refused
    {
        Reason = reason,
        Blame = Blame.Site,
        PilotErrorCode = PilotError.ContainerGeneralFailure,
        Retryable = true,
    };

    /// <summary>Usable before refused before not applicable; then the profile's launchers, the predicted time, the profile's strategies.</summary>
    private static int Compare(Candidate a, Candidate b, SiteProfile site)
    {
        int order = Class(a).CompareTo(Class(b));
        order = order != 0 ? order : Rank(site.Launchers, a.Launcher).CompareTo(Rank(site.Launchers, b.Launcher));
        order = order != 0 ? order : a.Cost.Seconds.CompareTo(b.Cost.Seconds);
        order = order != 0 ? order : Rank(site.Strategies, a.Strategy).CompareTo(Rank(site.Strategies, b.Strategy));
        order = order != 0 ? order : string.CompareOrdinal(a.Strategy, b.Strategy);
        return order != 0 ? order : string.CompareOrdinal(a.Way, b.Way);
    }

    private static int Class(Candidate candidate) => candidate.IsUsable ? 0 : IsNotApplicable(candidate) ? 2 : 1;

    /// <summary>Why nothing is usable, as the failure of the whole run.</summary>
    internal static Failure Explain(RunPlan plan, PlanInput input)
    {
        if (input.Image.Barred is { } barred)
        {
            return barred;
        }

        ImmutableArray<Candidate> telling = [.. plan.Candidates.Where(c => !IsNotApplicable(c))];
        if (telling.IsEmpty)
        {
            telling = plan.Candidates;
        }

        Verdict.Refused first = (Verdict.Refused)telling.Select(c => c.Verdict)
            .OrderBy(v => ((Verdict.Refused)v).NotApplicable ? 1 : 0)
            // Where nothing applies, what the profile leaves out is what somebody can act on.
            .ThenBy(v => ((Verdict.Refused)v).PilotErrorCode == PilotError.QueueNotSetUpForContainers ? 0 : 1)
            // Where the image is there and only space is lacking, that is what somebody can act on.
            .ThenBy(v => ((Verdict.Refused)v).PilotErrorCode == PilotError.NoLocalSpace ? 0 : 1)
            .First();
        IEnumerable<string> reasons = telling.Select(c => (Strategy: c.Way.Length == 0 ? c.Strategy : $"{c.Strategy} {c.Way}", c.Launcher, c.Verdict.Reason))
            .GroupBy(r => r.Reason).Select(g => $"{Names(g)}: {g.Key}");
        bool retryable = telling.Any(c => c.Verdict is Verdict.Refused { Retryable: true });
        return new Failure
        {
            Blame = first.Blame,
            Phase = Phase.Plan,
            Step = "choose-strategy",
            Errno = first.Errno,
            PilotErrorCode = first.PilotErrorCode,
            Message = $"no way to run {input.Image.Reference} on this node. {string.Join("; ", reasons)}",
            Retryable = retryable,
            ExitCode = retryable && first.Blame is Blame.Site or Blame.Cvmfs ? ExitCodes.TryElsewhere : ExitCodes.CannotRun,
        };
    }

    private static string Names(IEnumerable<(string Strategy, string Launcher, string Reason)> group) =>
        string.Join(", ", group.Select(g => $"{g.Strategy}+{g.Launcher}"));

    private static bool IsNotApplicable(Candidate candidate) => candidate.Verdict is Verdict.Refused { NotApplicable: true };

    private static Verdict Combine(Verdict strategy, Verdict launcher) => (strategy, launcher) switch
    {
        (Verdict.Refused { NotApplicable: true }, _) => strategy,
        (_, Verdict.Refused) => launcher,
        (Verdict.Refused, _) => strategy,
        (Verdict.Usable s, Verdict.Usable l) => Verdict.Yes(s.Cost + l.Cost, l.Note is null ? s.Reason : $"{s.Reason}; {l.Note}"),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static Verdict.Refused? Allowed(string? forced, ImmutableArray<string> allowed, string name, string kind)
    {
        if (forced is not null)
        {
            return forced == name ? null : Verdict.DoesNotApply($"another {kind} is forced: {forced}");
        }

        return allowed.Contains(name) ? null : Verdict.DoesNotApply($"the site profile does not list this {kind}") with
        {
            Blame = Blame.Site,
            PilotErrorCode = PilotError.QueueNotSetUpForContainers,
            Retryable = true,
        };
    }

    private static int Rank(ImmutableArray<string> order, string name)
    {
        int index = order.IndexOf(name);
        return index < 0 ? int.MaxValue : index;
    }
}
