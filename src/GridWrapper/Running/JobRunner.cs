using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Layers;
using GridWrapper.Outputs;
using GridWrapper.Reporting;
using GridWrapper.Watching;
using Microsoft.Win32.SafeHandles;
using NLog;

namespace GridWrapper.Running;

/// <summary>One PanDA job from its request to its account. Whatever goes wrong becomes the outcome's failure; the account is always made.</summary>
/// <param name="parts">The run's parts.</param>
/// <param name="job">What is to be done.</param>
/// <param name="link">The line to the workload manager; null under a pilot, who reports himself.</param>
/// <param name="signals">Requests to stop.</param>
internal sealed class JobRunner(Composition parts, JobRequest job, ReportLink? link, SignalForwarding signals)
{
    private const string StdoutName = "payload.stdout";
    private const string StderrName = "payload.stderr";

    /// <summary>Batch systems kill soon after TERM, and the pilot after ten seconds: what cannot be delivered by then is in the spool.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(5);

    private static readonly Logger Log = LogManager.GetCurrentClassLogger();

    private readonly DateTimeOffset _began = parts.Time.GetUtcNow();

    private volatile PayloadUsage? _usage;

    private RunSettings Settings => parts.Settings;

    /// <summary>The wall-clock limit: of the command line or the profile, else the job's where its limits count.</summary>
    private TimeSpan? Timeout => Settings.Timeout
        ?? (job.MaxWalltimeSeconds is > 0 and { } seconds && LimitChoice.CountJobs(Settings.Site, underPilot: link is null) ? TimeSpan.FromSeconds(seconds) : null);

    internal async Task<JobOutcome> RunAsync()
    {
        JobOutcome outcome = new() { Job = job, PandaId = job.PandaId, Attempt = job.Attempt, Timings = new Timings() };
        try
        {
            RefuseImpossible();
            LocalDelivery? delivery = Settings.StageOut is { } target ? LocalDelivery.For(target) : null;
            if (link is not null)
            {
                await link.StartingAsync(signals.Stop, signals.Cancelled);
            }

            outcome = await PayloadAsync(outcome);
            outcome = await OutputsAsync(outcome, delivery);
        }
        catch (GridWrapperException e)
        {
            outcome = outcome with { Failure = e.Failure };
        }
        catch (OperationCanceledException) when (signals.Cancelled.IsCancellationRequested)
        {
            outcome = outcome with { Failure = ErrorReport.InterruptedBy(signals.Stop.Signal) };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            outcome = outcome with { Failure = JobFailure.WorkDirectory(Settings.WorkDirectory, e) };
        }

        return await CloseAsync(outcome);
    }

    /// <summary>What a dry run of the job shows.</summary>
    internal async Task<DryRun> DryRunAsync(CancellationToken ct)
    {
        OutputCollector.CheckPatterns(job);
        Prepared prepared = await parts.Surveyor.PrepareAsync(job.Image, everything: true, ct);
        JobPayload payload = new(Settings, job);
        string scratch = ScratchDirectory.Name(Settings.CacheDirectory);
        LaunchSpec? launch = await parts.PredictLaunchAsync(prepared, rootfs => payload.Compose(prepared.Input, rootfs, scratch), ct);
        List<string> warnings = [];
        if (job.HasTemplates)
        {
            warnings.Add($"this is a task's text, not a job's: a run would refuse {string.Join(", ", job.UnexpandedTemplates)}");
        }

        warnings.AddRange(payload.IgnoredOptions.Select(o => $"the option {o} of containerOptions.execArgs is not done"));
        warnings.AddRange(payload.MissingInputs.Select(i => $"the input {i} is not in {Settings.WorkDirectory}"));
        return new DryRun(job, payload.Command(), prepared, launch, [.. warnings]);
    }

    private void RefuseImpossible()
    {
        if (job.HasTemplates)
        {
            throw GridWrapperException.BadInput(
                "read-job", $"the job still holds the task templates {string.Join(", ", job.UnexpandedTemplates)}: the server expands them when it makes jobs of a task; run a job, not a task's text");
        }

        OutputCollector.CheckPatterns(job);
    }

    private async Task<JobOutcome> PayloadAsync(JobOutcome outcome)
    {
        using SafeFileHandle? stdout = Stream(StdoutName);
        using SafeFileHandle? stderr = Stream(StderrName);
        using HostSteps steps = new(Settings, new SandboxFetcher(parts.Http, parts.Time)) { Output = stdout, Errors = stderr };
        JobPayload payload = await PrepareAsync(steps);
        Prepared prepared = await parts.Surveyor.PrepareAsync(job.Image, everything: false, signals.Cancelled);
        new CacheDirectory(Settings.CacheDirectory).Prepare();
        using ScratchDirectory scratch = ScratchDirectory.Create(Settings.CacheDirectory);
        payload.PrepareFiles();
        try
        {
            RunControl control = Control(stdout, stderr, scratch.Path);
            ImageOutcome image = await parts.Runner.RunAsync(prepared, rootfs => payload.Compose(prepared.Input, rootfs, scratch.Path), control, signals.Cancelled);
            outcome = outcome with { Image = image, Failure = image.Failure ?? (image.Result is { } ended ? LimitFailure.Of(ended, Timeout) : null), Timings = image.Timings };
            return await PostprocessAsync(steps, outcome);
        }
        finally
        {
            payload.TakeAway();
            if (link is not null)
            {
                await link.StopHeartbeatAsync();
            }
        }
    }

    /// <summary>The user's code, or the job's own preparing step, and the inputs.</summary>
    private async Task<JobPayload> PrepareAsync(HostSteps steps)
    {
        if (job.Preprocess is { } preprocess)
        {
            await steps.PreprocessAsync(preprocess, signals.Cancelled);
        }
        else if (job.Sandbox is { } sandbox)
        {
            string file = await new SandboxFetcher(parts.Http, parts.Time).FetchAsync(sandbox, Settings.WorkDirectory, signals.Cancelled);
            await SandboxArchive.UnpackAsync(file, Settings.WorkDirectory, signals.Cancelled);
        }

        JobPayload payload = new(Settings, job);
        if (payload.MissingInputs is { IsEmpty: false } missing)
        {
            throw JobFailure.MissingInputs(missing, Settings.WorkDirectory);
        }

        if (!payload.IgnoredOptions.IsEmpty)
        {
            Log.Warn("options of the job for its container that are not done: {Options}", string.Join(' ', payload.IgnoredOptions));
        }

        return payload;
    }

    /// <summary>After a payload that ended well; a fault is the job's then.</summary>
    private async Task<JobOutcome> PostprocessAsync(HostSteps steps, JobOutcome outcome)
    {
        if (job.Postprocess is not { } step || outcome.Failure is not null || outcome.Image?.Result is not { ExitCode: 0 })
        {
            return outcome;
        }

        try
        {
            await steps.PostprocessAsync(step, signals.Cancelled);
            return outcome;
        }
        catch (GridWrapperException e)
        {
            return outcome with { Failure = e.Failure };
        }
    }

    private RunControl Control(SafeFileHandle? stdout, SafeFileHandle? stderr, string scratch)
    {
        return new RunControl
        {
            Grace = TimeSpan.FromSeconds(Settings.Site.GraceSeconds),
            Timeout = Timeout,
            Watch = LimitChoice.ForJob(Settings, job, underPilot: link is null) with { ScratchDirectory = scratch, Sampled = usage => _usage = usage },
            Stop = signals.Stop,
            StandardOutput = stdout,
            StandardError = stderr,
            Time = parts.Time,
            Started = _ => link?.StartHeartbeat(signals.Stop, job, Settings.Site.Panda, new PayloadView(Settings.WorkDirectory, Path.Combine(Settings.WorkDirectory, StdoutName), () => _usage)),
        };
    }

    /// <summary>Stand-alone the payload's streams are files of the job; under a pilot they are the pilot's.</summary>
    private SafeFileHandle? Stream(string name) => link is null
        ? null
        : File.OpenHandle(Path.Combine(Settings.WorkDirectory, name), FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);

    private async Task<JobOutcome> OutputsAsync(JobOutcome outcome, LocalDelivery? delivery)
    {
        if (outcome.Image?.Result is not { } result)
        {
            return outcome;
        }

        long began = parts.Time.GetTimestamp();
        OutputSet outputs = await new OutputCollector(Guid.NewGuid).CollectAsync(Settings.WorkDirectory, StepOutputs.Of(job, Settings.WorkDirectory), CancellationToken.None);
        if (delivery is not null && result.ExitCode == 0 && outcome.Failure is null)
        {
            outputs = await delivery.DeliverAsync(outputs, CancellationToken.None);
        }

        return outcome with
        {
            Outputs = outputs,
            Failure = outcome.Failure ?? (result.ExitCode == 0 ? JobFailure.Of(outputs) : null),
            Timings = outcome.Timings with { Outputs = parts.Time.GetElapsedTime(began).TotalSeconds },
        };
    }

    /// <summary>Report, log tarball, last update, result document: in this order, because each holds the one before.</summary>
    private async Task<JobOutcome> CloseAsync(JobOutcome outcome)
    {
        long began = parts.Time.GetTimestamp();
        JobFiles files = new(Settings);
        new MonitorFiles(Settings.WorkDirectory).Write(outcome.Image, Settings.Site.Limits.SampleSeconds);
        string report = files.WriteJobReport(outcome);
        files.WriteErrorReport(outcome, underPilot: link is null);
        if (link is not null)
        {
            outcome = outcome with { Log = await LogAsync(outcome) };
            using CancellationTokenSource limit = new();
            if (signals.Cancelled.IsCancellationRequested)
            {
                limit.CancelAfter(LastWords);
            }

            await link.FinalAsync(Final(outcome, report), limit.Token);
        }

        outcome = outcome with
        {
            Reporting = link?.State,
            Timings = outcome.Timings with { Report = parts.Time.GetElapsedTime(began).TotalSeconds },
        };
        files.WriteResult(outcome);
        return outcome;
    }

    private async Task<OutputFile?> LogAsync(JobOutcome outcome)
    {
        if (job.LogFile is null)
        {
            return null;
        }

        try
        {
            return await new LogTarball(Guid.NewGuid).CreateAsync(Settings.WorkDirectory, new LogRequest(job, outcome.Outputs, Settings.Queue), CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or GridWrapperException)
        {
            Log.Error("the log tarball could not be made: {Message}", e.Message);
            return null;
        }
    }

    private FinalReport Final(JobOutcome outcome, string report) => new()
    {
        Run = outcome.Image?.Result,
        Failure = outcome.Failure,
        Outputs = outcome.Outputs,
        Log = outcome.Log,
        JobReport = report,
        Timings = new JobTimings
        {
            Payload = TimeSpan.FromSeconds(outcome.Timings.Payload),
            StageOut = TimeSpan.FromSeconds(outcome.Timings.Outputs),
            Setup = TimeSpan.FromSeconds(outcome.Timings.Probe + outcome.Timings.Resolve + outcome.Timings.Materialise + outcome.Timings.Launch),
        },
        StartedAt = outcome.Image?.Result?.StartedAt ?? _began,
        EndedAt = outcome.Image?.Result?.EndedAt ?? parts.Time.GetUtcNow(),
        KilledByServer = link!.KilledByServer,
        SignalReceived = signals.Stop.Reason == StopReason.Cancelled ? signals.Stop.Signal : null,
        Strategy = outcome.Image?.Rootfs?.Strategy,
        Launcher = outcome.Image?.Attempts.LastOrDefault()?.Launcher,
        BytesFetched = outcome.Image?.Rootfs?.Transfer.BytesFetched,
        LogExtract = outcome.Failure is { } failure ? ErrorReport.Line(failure) : null,
    };
}
