using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Probing;
using GridWrapper.Reporting;

namespace GridWrapper.Running;

/// <summary>Where a mini pilot's jobs come from: what Harvester handed down first, then the workload manager.</summary>
/// <param name="settings">Queue and what the node offers.</param>
/// <param name="manager">Null where jobs are only handed down.</param>
/// <param name="harvester">Null without Harvester.</param>
internal sealed class PilotSource(RunSettings settings, IWorkloadManager? manager, HarvesterDirectory? harvester)
{
    private static readonly RoomLog Log = new(nameof(PilotSource));

    private readonly Queue<JobReadResult> _handedDown = [];

    internal HarvesterDirectory? Harvester => harvester;

    /// <summary>Harvester is asked for more by worker_requestjob.json when it has handed down nothing.</summary>
    internal bool AsksHarvester { get; init; }

    /// <summary>Nobody is asked: what was handed down is all.</summary>
    internal bool IsFinite => manager is null && !AsksHarvester;

    /// <summary>Why nobody should be asked from here now; null otherwise, and where jobs are only handed down.</summary>
    internal Failure? Refusal(TimeProvider time) => manager is null || _handedDown.Count > 0 || harvester?.HasJobs == true ? null : new PilotFitness(settings, time).Refusal();

    /// <summary>The queue has nothing: nothing is wrong.</summary>
    internal static Failure NoJob(RunSettings settings) => new()
    {
        Blame = Blame.Server,
        Phase = Phase.Job,
        Step = "acquire-job",
        PilotErrorCode = PilotError.NoJobsInPanda,
        Message = $"{settings.Server} has no job for the queue {settings.Queue}: nothing is wrong, try again later",
        Retryable = true,
        ExitCode = ExitCodes.TryElsewhere,
    };

    /// <param name="left">What is left of the slot.</param>
    /// <param name="ct">Ends the asking.</param>
    /// <returns>Null when there is none now.</returns>
    internal async Task<JobReadResult?> NextAsync(TimeSpan? left, CancellationToken ct)
    {
        if (harvester is not null && _handedDown.Count == 0)
        {
            foreach (JobReadResult job in await harvester.TakeJobsAsync(settings, ct))
            {
                _handedDown.Enqueue(job);
            }
        }

        if (_handedDown.TryDequeue(out JobReadResult? next))
        {
            harvester?.WithdrawRequest();
            return next;
        }

        if (manager is null)
        {
            if (AsksHarvester)
            {
                harvester?.RequestJobs(1);
            }

            return null;
        }

        if (string.IsNullOrEmpty(settings.Queue))
        {
            throw GridWrapperException.BadCommandLine("--pull-job needs --queue NAME (or PILOT_SITENAME, or a site profile that names one)");
        }

        string? text = await manager.AcquireJobAsync(Request(settings, NodeProbe.Probe("/", settings.Environment), left), ct);
        return text is null ? null : JobSource.Read(Encoding.UTF8.GetBytes(text), settings);
    }

    /// <summary>What this slot offers. Memory is named only where the slot has a limit: the node's whole memory is not for one job.</summary>
    internal static AcquireRequest Request(RunSettings settings, NodeFacts node, TimeSpan? left)
    {
        string? Get(string name) => settings.Environment.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;
        HarvesterWorker? worker = HarvesterWorker.Of(Get);
        return new AcquireRequest
        {
            SiteName = settings.Queue ?? "",
            Node = Get("PANDA_HOSTNAME") ?? node.HostName,
            ProdSourceLabel = settings.SourceLabel ?? "user",
            MemoryMegabytes = node.MemoryLimitBytes is { } bytes and < 1L << 50 ? (int)(bytes >> 20) : null,
            DiskSpaceMegabytes = FreeMegabytes(settings.WorkDirectory),
            ComputingElement = Get("PILOT_RESOURCE_NAME") ?? Get("PANDA_RESOURCE"),
            ResourceType = Get("resourceType") ?? settings.Site.Panda.ResourceType,
            JobType = Get("jobType") ?? settings.Site.Panda.JobType,
            HarvesterId = worker?.HarvesterId,
            WorkerId = worker?.WorkerId,
            SchedulerId = Get("PANDA_JSID"),
            RemainingSeconds = (long?)left?.TotalSeconds,
        };
    }

    private static int? FreeMegabytes(string directory)
    {
        try
        {
            return (int)Math.Min(new DriveInfo(directory).AvailableFreeSpace >> 20, int.MaxValue);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            Log.Debug("free space of {Directory} is not known: {Message}", directory, e.Message);
            return null;
        }
    }
}
