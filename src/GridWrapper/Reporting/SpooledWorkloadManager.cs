using GridWrapper.Diagnostics;

namespace GridWrapper.Reporting;

/// <summary>A workload manager whose final updates survive its absence: each is in the spool until the server has it.</summary>
internal sealed class SpooledWorkloadManager(IWorkloadManager inner, UpdateSpool spool) : IWorkloadManager
{
    private static readonly RoomLog Log = new(nameof(SpooledWorkloadManager));

    /// <inheritdoc/>
    public Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct) => inner.AcquireJobAsync(request, ct);

    /// <inheritdoc/>
    /// <remarks>Also a final update that credentials stand in the way of is kept, and said not to be accepted: they may be renewed before the next run.</remarks>
    public async Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct)
    {
        if (!update.IsFinal)
        {
            return await inner.UpdateJobAsync(update, ct);
        }

        using SpoolHold? hold = TryHold(update);
        UpdateAnswer answer;
        try
        {
            answer = await inner.UpdateJobAsync(update, ct);
        }
        catch (GridWrapperException e) when (hold is not null)
        {
            answer = new UpdateAnswer(false, [], e.Message);
        }

        if (answer.Accepted)
        {
            hold?.Delivered();
        }
        else if (hold is not null)
        {
            Log.Error("the {Status} update of job {PandaId} is left in the spool: {Detail}", update.JobStatus, update.JobId, answer.Detail);
        }

        return answer;
    }

    private SpoolHold? TryHold(JobUpdate update)
    {
        try
        {
            return spool.Hold(update);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full or read-only cache must not keep the update from being sent.
            Log.Warn("the spool cannot be written, the update of job {PandaId} is only sent: {Message}", update.JobId, e.Message);
            return null;
        }
    }
}
