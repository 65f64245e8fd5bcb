using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;
using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>
/// `--stage-out`: brings outputs and log to the first address that takes them. A file that no address takes keeps a null URL and adds a fault; the others are
/// delivered all the same.
/// </summary>
/// <param name="storages">The protocols.</param>
/// <param name="targets">Where each file may go.</param>
/// <param name="job">Whose outputs they are.</param>
internal sealed class OutputDelivery(Storages storages, DeliveryTargets targets, JobRequest job)
{
    /// <summary>The step that failures of delivery are told with.</summary>
    internal const string Step = "stage-out";

    private static readonly RoomLog Log = new(nameof(OutputDelivery));

    /// <summary>Addresses that failed for a reason that concerns the next file too: they are asked last.</summary>
    private readonly HashSet<StorageAddress> _doubtful = [];

    /// <exception cref="GridWrapperException">For some file no address can be used on this node, or none is known; exit 75.</exception>
    internal async Task CheckAsync(CancellationToken ct)
    {
        foreach (ImmutableArray<StorageAddress> list in targets.Lists())
        {
            string? reason = list.IsEmpty
                ? "the job names an endpoint (ddmEndPointOut) for some of its files that storage.endpoints of the site profile has no address for, and --stage-out names none either"
                : await storages.RefusalAsync(list, ct) is { } refusal ? $"outputs could not be delivered to {string.Join(" or ", list)}: {refusal}" : null;
            if (reason is not null)
            {
                throw new GridWrapperException(new Failure
                {
                    Blame = Blame.Site,
                    Phase = Phase.Job,
                    Step = Step,
                    PilotErrorCode = PilotError.StageOutFailed,
                    Message = reason,
                    Retryable = true,
                    ExitCode = ExitCodes.TryElsewhere,
                });
            }
        }
    }

    /// <summary>Delivers a set.</summary>
    internal async Task<OutputSet> DeliverAsync(OutputSet outputs, CancellationToken ct)
    {
        ImmutableArray<OutputFile>.Builder files = ImmutableArray.CreateBuilder<OutputFile>();
        List<OutputFault> faults = [.. outputs.Faults];
        foreach (OutputFile file in outputs.Files)
        {
            (OutputFile delivered, OutputFault? fault) = await DeliverAsync(file, ct);
            files.Add(delivered);
            faults.AddRange(fault is null ? [] : [fault]);
        }

        return outputs with { Files = files.ToImmutable(), Faults = [.. faults] };
    }

    /// <summary>Delivers one file, e.g. the log.</summary>
    /// <returns>The file with its URL and no fault, or the file as it was and the reason.</returns>
    internal async Task<(OutputFile File, OutputFault? Fault)> DeliverAsync(OutputFile file, CancellationToken ct)
    {
        List<string> reasons = [];
        int code = PilotError.StageOutFailed;
        foreach (StorageAddress target in targets.Of(file.Lfn).OrderBy(_doubtful.Contains))
        {
            try
            {
                return (await DeliverAsync(file, target, ct), null);
            }
            catch (StorageException e)
            {
                code = e.Trouble == StorageTrouble.Stalled ? PilotError.StageOutTimeout : code;
                reasons.Add(e.Message);
                _ = e.Trouble is StorageTrouble.Taken or StorageTrouble.Local || _doubtful.Add(target);
                Log.Warn("{Lfn} was not taken by {Target}: {Message}", file.Lfn, target, e.Message);
            }
            catch (GridWrapperException e)
            {
                // The credentials cannot be read or have expired.
                code = e.Failure.PilotErrorCode;
                reasons.Add(e.Message);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                reasons.Add("the run was ended before it was delivered");
                break;
            }
        }

        return (file, new OutputFault(file.Lfn, code, $"the output \"{file.Lfn}\" could not be delivered: {string.Join("; ", reasons)}; it is still in the work directory") { Step = Step });
    }

    /// <summary>Once, after the last file: what Harvester is to move is told to it.</summary>
    /// <returns>True when somebody else moves outputs now.</returns>
    internal bool HandOver() => storages.HandOver(job.PandaId, job.LogFile);

    private async Task<OutputFile> DeliverAsync(OutputFile file, StorageAddress target, CancellationToken ct)
    {
        string place = targets.PlaceOf(target, file.Lfn);
        await storages.Retries.RunAsync($"delivering {file.Lfn} to {target}", token => storages.For(target.Kind).DeliverAsync(file, place, token), ct);
        Log.Info("delivered {Lfn} to {Place}", file.Lfn, place);
        return file with
        {
            Url = target.Kind switch
            {
                StorageKind.Directory => new Uri(place).AbsoluteUri,
                StorageKind.Harvester => null,
                _ => place,
            },
            Endpoint = target.Kind == StorageKind.Harvester ? null : targets.NameOf(target),
        };
    }
}
