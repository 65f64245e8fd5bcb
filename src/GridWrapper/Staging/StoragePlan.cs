using GridWrapper.Jobs;
using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>Where inputs would come from and outputs would go to. Pure.</summary>
/// <param name="Inputs">Those that are not in the job directory.</param>
/// <param name="Outputs">The log among them.</param>
internal sealed record StoragePlan(ImmutableArray<StoragePlan.Entry> Inputs, ImmutableArray<StoragePlan.Entry> Outputs)
{
    /// <param name="job">What is to be done.</param>
    /// <param name="missing">Inputs that its parameters name and that are nowhere on the node.</param>
    /// <param name="sources">Where inputs are fetched from.</param>
    /// <param name="targets">Where outputs are delivered.</param>
    internal static StoragePlan Of(JobRequest job, ImmutableArray<WantedInput> missing, ImmutableArray<StorageAddress> sources, DeliveryTargets targets) => new(
        sources.IsEmpty ? [] : [.. missing.Select(i => new Entry(i.Lfn, Places(sources, s => InputStaging.PlaceOf(s, i))))],
        targets.IsEmpty ? [] : [.. job.Outputs.Select(o => new Entry(o.Lfn, Places(targets.Of(o.Lfn), t => o.Kind == OutputKind.Regex ? t.ToString() : targets.PlaceOf(t, o.Lfn)))),
            .. job.LogFile is { } log ? (Entry[])[new Entry(log, Places(targets.Of(log), t => targets.PlaceOf(t, log)))] : []]);

    /// <summary>An address that cannot be used for the file is shown with the reason.</summary>
    private static ImmutableArray<string> Places(ImmutableArray<StorageAddress> addresses, Func<StorageAddress, string> place) =>
    [
        .. addresses.Select(a =>
        {
            try
            {
                return a.Kind == StorageKind.Harvester ? a.ToString() : place(a);
            }
            catch (StorageException e)
            {
                return $"({e.Message})";
            }
        }),
    ];

    /// <summary>One file.</summary>
    /// <param name="Lfn">Its name; of outputs by regular expression the pattern.</param>
    /// <param name="Places">In the order in which they are tried.</param>
    internal sealed record Entry(string Lfn, ImmutableArray<string> Places);
}
