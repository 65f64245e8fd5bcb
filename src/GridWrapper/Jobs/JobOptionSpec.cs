namespace GridWrapper.Jobs;

/// <summary>One spelling of an option.</summary>
/// <param name="Name">With its dashes; compared exactly, as the transforms do.</param>
/// <param name="Option">What it means here.</param>
/// <param name="TakesValue">False for a flag.</param>
internal sealed record JobOptionSpec(string Name, JobOption Option, bool TakesValue)
{
    /// <summary>One of runcontainer's own, whose abbreviations win over those of the other transforms' options.</summary>
    public bool OfRunContainer { get; init; }
}
