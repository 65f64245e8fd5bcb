namespace GridWrapper.Planning;

/// <summary>Every candidate with its verdict: the usable ones first, in the order in which they will be tried, then the refused ones.</summary>
internal sealed record RunPlan(ImmutableArray<Candidate> Candidates)
{
    /// <summary>What a run tries first; null when nothing is usable.</summary>
    internal Candidate? Chosen => Candidates.FirstOrDefault(c => c.IsUsable);
}
