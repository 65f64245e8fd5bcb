using GridWrapper.Diagnostics;
using GridWrapper.Jobs;

namespace GridWrapper.Running;

/// <summary>
/// Asks for jobs, runs each in a directory of its own, reports it, and asks again, until the limits are reached, the queue is drained, a signal ends it, or this node
/// turns out to be unfit: a pilot that goes on taking jobs which it can only fail would empty the queue.
/// </summary>
/// <param name="settings">For all jobs; the work directory is their parent.</param>
/// <param name="limits">How much is done.</param>
/// <param name="time">The clock.</param>
/// <param name="run">Runs one job.</param>
internal sealed class MiniPilot(RunSettings settings, PilotLimits limits, TimeProvider time, MiniPilot.RunJob run)
{
    /// <summary>Failures in a row, of a registry or a server, after which another job would only be the next.</summary>
    private const int FailuresInARow = 2;

    private static readonly RoomLog Log = new(nameof(MiniPilot));

    private readonly long _began = time.GetTimestamp();
    private readonly List<JobOutcome> _outcomes = [];
    private int _failedInARow;

    /// <summary>Runs one job in its directory.</summary>
    internal delegate Task<JobOutcome> RunJob(JobReadResult job, RunSettings settings, SignalForwarding signals);

    private TimeSpan? Left => limits.Lifetime is { } lifetime ? lifetime - time.GetElapsedTime(_began) : null;

    private bool HasRoom => (limits.Jobs is not { } most || _outcomes.Count < most) && (Left is not { } left || left > limits.Reserve);

    /// <param name="source">Where jobs come from.</param>
    /// <param name="betweenJobs">What is done before each question, e.g. deliver what earlier jobs left.</param>
    internal async Task<PilotOutcome> RunAsync(PilotSource source, Func<CancellationToken, Task> betweenJobs)
    {
        int empty = 0;
        while (HasRoom)
        {
            // One for each job: what was asked of the one before does not count for the next.
            using SignalForwarding signals = new();
            try
            {
                await betweenJobs(signals.Cancelled);
                if (source.Refusal(time) is { } refusal)
                {
                    Log.Warn("no job is asked for: {Message}", refusal.Message);
                    return new PilotOutcome([.. _outcomes], "unfit", _outcomes.Count == 0 ? refusal : null);
                }

                long asked = time.GetTimestamp();
                if (await source.NextAsync(Left, signals.Cancelled) is { } job)
                {
                    empty = 0;
                    if (await RunAsync(job with { Waited = time.GetElapsedTime(asked) }, source, signals) is { } unfit)
                    {
                        return new PilotOutcome([.. _outcomes], "unfit", unfit);
                    }
                }
                else if (++empty >= settings.Site.Panda.PullTries || source.IsFinite)
                {
                    return new PilotOutcome([.. _outcomes], "drained", _outcomes.Count == 0 ? PilotSource.NoJob(settings) : null);
                }
                else
                {
                    await Task.Delay(Pause(), time, signals.Cancelled);
                }
            }
            catch (OperationCanceledException) when (signals.Cancelled.IsCancellationRequested)
            {
                Log.Info("a signal ended the waiting for a job");
            }

            if (signals.Cancelled.IsCancellationRequested)
            {
                return new PilotOutcome([.. _outcomes], "signal", _outcomes.Count == 0 ? ErrorReport.InterruptedBy(signals.Stop.Signal) : null);
            }

            if (source.Harvester?.KillRequested == true)
            {
                return new PilotOutcome([.. _outcomes], "kill_worker", null);
            }
        }

        return new PilotOutcome([.. _outcomes], "limit", null);
    }

    private TimeSpan Pause()
    {
        TimeSpan pause = TimeSpan.FromSeconds(settings.Site.Panda.PullPauseSeconds);
        return Left is { } left && left < pause ? left > TimeSpan.Zero ? left : TimeSpan.Zero : pause;
    }

    /// <returns>Why no other job should be taken here; null to go on.</returns>
    private async Task<Failure?> RunAsync(JobReadResult job, PilotSource source, SignalForwarding signals)
    {
        RunSettings own = settings with
        {
            WorkDirectory = DirectoryOf(job),
            SlotTime = Left is { } left ? left - (limits.Reserve / 2) : null,
        };
        Logging.ToJobDirectory(own.WorkDirectory);
        JobOutcome outcome = await run(job, own, signals);
        _outcomes.Add(outcome);
        source.Harvester?.AddOutputs(outcome);
        Log.Info("job {PandaId} ended: {End}", outcome.PandaId, outcome.Failure is { } failure ? ErrorReport.Line(failure) : $"exit {outcome.Image?.Result?.ExitCode}");
        return Unfit(outcome.Failure);
    }

    private string DirectoryOf(JobReadResult job)
    {
        if (limits == PilotLimits.Once)
        {
            return settings.WorkDirectory;
        }

        string name = string.Create(CultureInfo.InvariantCulture, $"PanDA_Pilot-{job.PandaId}");
        string directory = Path.Combine(settings.WorkDirectory, name);
        for (int again = 2; Directory.Exists(directory); again++)
        {
            directory = Path.Combine(settings.WorkDirectory, string.Create(CultureInfo.InvariantCulture, $"{name}.{again}"));
        }

        return Directory.CreateDirectory(directory).FullName;
    }

    /// <summary>A fault of the node would meet every other job as well; one of a registry or a server probably when it met two.</summary>
    private Failure? Unfit(Failure? failure)
    {
        bool elsewhere = failure is { Blame: Blame.Registry or Blame.Server, Phase: not Phase.Report } && failure.PilotErrorCode != PilotError.PandaKill;
        _failedInARow = elsewhere ? _failedInARow + 1 : 0;
        bool node = failure is { Blame: Blame.Site or Blame.Cvmfs or Blame.GridWrap, Phase: not (Phase.Payload or Phase.Outputs) } && failure.Step != "interrupted";
        return node || _failedInARow >= FailuresInARow ? failure : null;
    }
}

/// <summary>What a mini pilot did.</summary>
/// <param name="Jobs">Each with its account.</param>
/// <param name="End">limit, drained, unfit, signal or kill_worker.</param>
/// <param name="Failure">Why it did nothing, or should do no more here; null otherwise.</param>
internal sealed record PilotOutcome(ImmutableArray<JobOutcome> Jobs, string End, Failure? Failure);
