using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Staging;

namespace GridWrapper.Running;

/// <summary>What a dry run found out.</summary>
/// <param name="Job">Null for `exec`.</param>
/// <param name="Command">The argv that will run inside.</param>
/// <param name="Prepared">Facts and plan.</param>
/// <param name="Launch">The launch of the chosen candidate, null when nothing is usable.</param>
/// <param name="Warnings">What would stop a real run, or is noteworthy.</param>
internal sealed record DryRun(JobRequest? Job, ImmutableArray<string> Command, Prepared Prepared, LaunchSpec? Launch, ImmutableArray<string> Warnings)
{
    /// <summary>Null for `exec`.</summary>
    public StoragePlan? Storage { get; init; }
}
