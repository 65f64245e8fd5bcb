namespace GridWrapper.Planning;

/// <summary>One strategy × launcher with its verdict. A usable verdict's cost is that of both together.</summary>
internal sealed record Candidate(string Strategy, string Launcher, Verdict Verdict)
{
    /// <summary>Which way of the strategy, where it has several; else empty.</summary>
    public string Way { get; init; } = "";

    internal bool IsUsable => Verdict is Verdict.Usable;

    internal Cost Cost => Verdict is Verdict.Usable usable ? usable.Cost : Cost.Nothing;
}
