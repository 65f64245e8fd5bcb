using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Layers;
using GridWrapper.Reporting;

namespace GridWrapper.Running;

/// <summary>From wherever a job comes to its outcome, with the workload manager told where one is configured.</summary>
internal sealed class JobRun(RunSettings settings, TimeProvider time)
{
    private static readonly RoomLog Log = new(nameof(JobRun));

    /// <summary>Exactly one of the three is given.</summary>
    /// <param name="Words">Job parameters.</param>
    /// <param name="File">Job definition file, "-" for stdin.</param>
    /// <param name="Pull">Ask the workload manager.</param>
    internal sealed record Source(ImmutableArray<string> Words, string? File, bool Pull);

    /// <summary>A job that needs no workload manager to be read.</summary>
    /// <exception cref="GridWrapperException">All faults; exit 64.</exception>
    internal static async Task<JobRequest> ReadAsync(Source source, RunSettings settings, CancellationToken ct)
    {
        if (source.Pull)
        {
            throw GridWrapperException.BadCommandLine("a dry run does not take a job from the workload manager; give --job FILE");
        }

        return source.File is { } file
            ? (await JobSource.ReadAsync(file, settings, ct)).RequestOrThrow()
            : JobReader.FromArguments(source.Words, JobSource.Options(settings));
    }

    internal async Task<JobOutcome> RunAsync(Source source)
    {
        using SignalForwarding signals = new();
        if (settings.Server is null)
        {
            if (source.Pull)
            {
                throw GridWrapperException.BadCommandLine("--pull-job needs --server URL (or a site profile that names one) and no --no-report");
            }

            return await RunAsync(source, null, signals);
        }

        new CacheDirectory(settings.CacheDirectory).Prepare();
        (IWorkloadManager manager, UpdateSpool spool, PandaClient client) = ReportLink.Connect(settings, time);
        using (client)
        {
            await ResendAsync(client, spool, signals.Cancelled);
            return await RunAsync(source, manager, signals);
        }
    }

    private async Task<JobOutcome> RunAsync(Source source, IWorkloadManager? manager, SignalForwarding signals)
    {
        JobReadResult read;
        try
        {
            read = source switch
            {
                { Pull: true } => await PullAsync(manager!, signals.Cancelled),
                { File: { } file } => await JobSource.ReadAsync(file, settings, signals.Cancelled),
                _ => new JobReadResult { Request = JobReader.FromArguments(source.Words, JobSource.Options(settings)) },
            };
        }
        catch (GridWrapperException e)
        {
            return Rejected(new JobReadResult(), e.Failure);
        }

        return await RunAsync(read, manager, signals);
    }

    /// <summary>A job that was read, or could not be.</summary>
    internal async Task<JobOutcome> RunAsync(JobReadResult read, IWorkloadManager? manager, SignalForwarding signals)
    {
        if (read.Request is not { } job)
        {
            return await RejectAsync(read, manager, signals.Cancelled);
        }

        if (read.JobCount > 1)
        {
            Log.Warn("the document holds {Count} jobs, job {PandaId} is run", read.JobCount, job.PandaId);
        }

        using Composition parts = Composition.Create(settings with { GetJobTime = read.Waited });
        await using ReportLink? link = manager is null ? null : ReportLink.Open(manager, job, settings, time);
        return await new JobRunner(parts, job, link, signals).RunAsync();
    }

    private async Task<JobReadResult> PullAsync(IWorkloadManager manager, CancellationToken ct)
    {
        PilotSource source = new(settings, manager, null);
        if (source.Refusal(time) is { } refusal)
        {
            throw new GridWrapperException(refusal);
        }

        long asked = time.GetTimestamp();
        JobReadResult job = await source.NextAsync(null, ct) ?? throw new GridWrapperException(PilotSource.NoJob(settings));
        return job with { Waited = time.GetElapsedTime(asked) };
    }

    /// <summary>A job whose definition is wrong must not wait for its heartbeat to time out: the server is told.</summary>
    private async Task<JobOutcome> RejectAsync(JobReadResult read, IWorkloadManager? manager, CancellationToken ct)
    {
        Failure failure = read.ToException().Failure;
        ReportingState? state = null;
        if (manager is not null && read.PandaId is { } id)
        {
            UpdateAnswer answer = await manager.UpdateJobAsync(ReportMapper.RejectedDocument(id, read.Attempt, failure), ct);
            state = new ReportingState(settings.Server!, answer.Accepted ? "failed" : null, answer.Accepted ? 1 : 0, answer.Accepted ? 0 : 1);
        }

        return Rejected(read, failure) with { Reporting = state };
    }

    private JobOutcome Rejected(JobReadResult read, Failure failure)
    {
        JobOutcome outcome = new() { PandaId = read.PandaId, Attempt = read.Attempt, Failure = failure, Timings = new Timings() };
        JobFiles files = new(settings);
        files.WriteErrorReport(outcome, underPilot: settings.Server is null);
        files.WriteResult(outcome);
        return outcome;
    }

    /// <summary>What earlier jobs of this node could not deliver. It never keeps this one waiting for long.</summary>
    internal static async Task ResendAsync(PandaClient client, UpdateSpool spool, CancellationToken ct)
    {
        if (spool.List().IsEmpty)
        {
            return;
        }

        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        try
        {
            int sent = await spool.ResendAsync(client.Briefly, limit.Token);
            Log.Info("{Count} updates of earlier jobs were delivered", sent);
        }
        catch (Exception e) when (e is GridWrapperException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            Log.Warn("updates of earlier jobs stay in the spool: {Message}", e.Message);
        }
    }
}
