using GridWrapper.Watching;

namespace GridWrapper.Running;

/// <summary>What heartbeats tell of the running payload.</summary>
/// <param name="JobDirectory">Where it works.</param>
/// <param name="StdoutFile">Its stdout, for the tail in debug mode; null where there is none.</param>
/// <param name="Usage">What it used so far, null before the first sample.</param>
internal sealed record PayloadView(string JobDirectory, string? StdoutFile, Func<PayloadUsage?> Usage);
