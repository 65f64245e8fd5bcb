namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>How a run of the published file ended.</summary>
/// <param name="ExitCode">128+n when a signal ended it.</param>
internal sealed record Outcome(int ExitCode, string Stdout, string Stderr, TimeSpan Elapsed)
{
    /// <summary>For messages of assertions.</summary>
    public override string ToString() => $"exit {ExitCode} after {Elapsed.TotalSeconds:0.0} s\n-- stdout\n{Stdout}\n-- stderr\n{Stderr}";
}
