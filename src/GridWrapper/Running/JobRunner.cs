using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Layers;
using GridWrapper.Outputs;
using GridWrapper.Reporting;
using GridWrapper.Staging;
using GridWrapper.Watching;
using Microsoft.Win32.SafeHandles;

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

    private static readonly RoomLog Log = new(nameof(JobRunner));

    private readonly DateTimeOffset _began = parts.Time.GetUtcNow();

    private readonly OutputDelivery? _delivery = Targets(parts.Settings, job) is { IsEmpty: false } targets ? new OutputDelivery(parts.Storages, targets, job) : null;

    private volatile PayloadUsage? _usage;

    /// <summary>Seconds spent on fetching inputs.</summary>
    private double _stageIn;

    private readonly InputStaging? _inputs = parts.Settings.StageIn.IsEmpty ? null : new InputStaging(parts.Storages, parts.Settings.StageIn);

    private RunSettings Settings => parts.Settings;

    /// <summary>The wall-clock limit: of the command line or the profile, else the job's where its limits count; never more than the slot has left.</summary>
    private TimeSpan? Timeout => Settings.SlotTime is { } slot && !(Wanted < slot) ? slot : Wanted;

    private TimeSpan? Wanted => Settings.Timeout
        ?? (job.MaxWalltimeSeconds is > 0 and { } seconds && LimitChoice.CountJobs(Settings.Site, underPilot: link is null) ? TimeSpan.FromSeconds(seconds) : null);

    /// <summary>The workload manager asked for the end, and no signal did.</summary>
    private bool KilledByServer => signals.Unwanted.IsCancellationRequested && !signals.Cancelled.IsCancellationRequested;

    /// <summary>Where the job's outputs go.</summary>
    internal static DeliveryTargets Targets(RunSettings settings, JobRequest job) => new(job, settings.StageOut, settings.Site.Storage.Endpoints, settings.StageOutGiven);

    /// <summary>Where a job's files would come from and go to.</summary>
    internal static StoragePlan Storage(RunSettings settings, JobRequest job, ImmutableArray<string> missing) =>
        StoragePlan.Of(job, InputStaging.Missing(InputStaging.Of(job, missing), settings.WorkDirectory), settings.StageIn, Targets(settings, job));

    /// <summary>Node and image to a plan; replaced where no node is to be looked at.</summary>
    internal Func<ImageReference, CancellationToken, Task<Prepared>> Survey { get; init; } = (image, ct) => parts.Surveyor.PrepareAsync(image, everything: false, ct);

    /// <summary>How often the file that ends the payload is looked for.</summary>
    internal TimeSpan KillFileInterval { get; init; } = KillFile.UsualInterval;

    internal async Task<JobOutcome> RunAsync()
    {
        JobOutcome outcome = new() { Job = job, PandaId = job.PandaId, Attempt = job.Attempt, Timings = new Timings() };
        try
        {
            RefuseImpossible();
            if (link is not null)
            {
                await link.StartingAsync(signals.Stop, signals.Cancelled);
                signals.Unwanted.ThrowIfCancellationRequested();
            }

            if (_delivery is not null)
            {
                await _delivery.CheckAsync(signals.Unwanted);
            }

            outcome = await PayloadAsync(outcome);
            outcome = await OutputsAsync(outcome);
        }
        catch (GridWrapperException e)
        {
            outcome = outcome with { Failure = e.Failure };
        }
        catch (OperationCanceledException) when (signals.Unwanted.IsCancellationRequested)
        {
            outcome = outcome with { Failure = KilledByServer ? JobFailure.KilledByServer : Interrupted() };
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
        StoragePlan storage = Storage(Settings, job, payload.MissingInputs);
        warnings.AddRange(payload.MissingInputs.Where(i => storage.Inputs.All(s => s.Lfn != i)).Select(i => $"the input {i} is not in {Settings.WorkDirectory}"));
        return new DryRun(job, payload.Command(), prepared, launch, [.. warnings]) { Storage = storage };
    }

    private bool IsPreempted => Preemption.IsMeantBy(signals.Stop.Signal, Settings.Environment, parts.Time.GetUtcNow());

    private Failure Interrupted()
    {
        Failure failure = ErrorReport.InterruptedBy(signals.Stop.Signal);
        return !IsPreempted ? failure : failure with { PilotErrorCode = PilotError.Preemption, Message = "the node is being taken away: TERM ended the run before the payload started; the same job may run elsewhere" };
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
        using HostSteps steps = new(Settings, parts.Sandboxes) { Output = stdout, Errors = stderr };
        JobPayload payload = await PrepareAsync(steps);
        Prepared prepared = await Survey(job.Image, signals.Unwanted);
        new CacheDirectory(Settings.CacheDirectory).Prepare();
        using ScratchDirectory scratch = ScratchDirectory.Create(Settings.CacheDirectory);
        payload.PrepareFiles();
        try
        {
            await using KillFile kill = new(Settings, parts.Time, KillFileInterval);
            RunControl control = Control(stdout, stderr, scratch.Path, kill);
            ImageOutcome image = await parts.Runner.RunAsync(prepared, rootfs => payload.Compose(prepared.Input, rootfs, scratch.Path), control, signals.Unwanted);
            outcome = outcome with { Image = image, Failure = image.Failure ?? kill.Failure ?? (image.Result is { } ended ? LimitFailure.Of(ended, Timeout) ?? ImageFailure.Of(ended, image.Trouble) : null), Timings = image.Timings with { StageIn = _stageIn } };
            return await PostprocessAsync(steps, outcome);
        }
        finally
        {
            payload.TakeAway();
        }
    }

    /// <summary>The user's code, or the job's own preparing step, and the inputs.</summary>
    private async Task<JobPayload> PrepareAsync(HostSteps steps)
    {
        if (job.Preprocess is { } preprocess)
        {
            await steps.PreprocessAsync(preprocess, signals.Unwanted);
        }
        else if (job.Sandbox is { } sandbox)
        {
            string file = await parts.Sandboxes.FetchAsync(sandbox, Settings.WorkDirectory, signals.Unwanted);
            await SandboxArchive.UnpackAsync(file, Settings.WorkDirectory, signals.Unwanted);
        }

        JobPayload payload = await StageInAsync(new JobPayload(Settings, job));
        if (payload.MissingInputs is { IsEmpty: false } missing)
        {
            throw JobFailure.MissingInputs(missing, Settings.WorkDirectory);
        }

        await LibraryTarball.UnpackAsync(job.Library, Settings.WorkDirectory, signals.Unwanted);
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
            await steps.PostprocessAsync(step, signals.Unwanted);
            return outcome;
        }
        catch (GridWrapperException e)
        {
            return outcome with { Failure = e.Failure };
        }
    }

    /// <summary>Brings the inputs; the server hears of the job meanwhile, because that may take long.</summary>
    /// <returns>The payload with what is there now.</returns>
    private async Task<JobPayload> StageInAsync(JobPayload payload)
    {
        if (_inputs is null)
        {
            return payload;
        }

        long began = parts.Time.GetTimestamp();
        Task staging = _inputs.FetchAsync(InputStaging.Of(job, payload.MissingInputs), Settings.WorkDirectory, signals.Unwanted);
        TimeSpan beat = TimeSpan.FromSeconds(Settings.Site.Panda.HeartbeatSeconds);
        while (link is not null && await Task.WhenAny(staging, Task.Delay(beat, parts.Time, signals.Unwanted)) != staging && !signals.Unwanted.IsCancellationRequested)
        {
            await link.StartingAsync(signals.Stop, signals.Cancelled);
        }

        try
        {
            await staging;
        }
        finally
        {
            _stageIn = parts.Time.GetElapsedTime(began).TotalSeconds;
        }

        return new JobPayload(Settings, job);
    }

    private RunControl Control(SafeFileHandle? stdout, SafeFileHandle? stderr, string scratch, KillFile kill)
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
            Started = _ => Started(kill),
        };
    }

    private void Started(KillFile kill)
    {
        if (link is not null)
        {
            link.StartHeartbeat(signals.Stop, job, Settings.Site.Panda, new PayloadView(Settings.WorkDirectory, Path.Combine(Settings.WorkDirectory, StdoutName), () => _usage));
            kill.Start(signals.Stop);
        }
    }

    /// <summary>Stand-alone the payload's streams are files of the job; under a pilot they are the pilot's.</summary>
    private SafeFileHandle? Stream(string name) => link is null
        ? null
        : File.OpenHandle(Path.Combine(Settings.WorkDirectory, name), FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);

    private async Task<JobOutcome> OutputsAsync(JobOutcome outcome)
    {
        if (outcome.Image?.Result is not { } result)
        {
            return outcome;
        }

        long began = parts.Time.GetTimestamp();
        OutputSet outputs = await new OutputCollector(Guid.NewGuid).CollectAsync(Settings.WorkDirectory, StepOutputs.Of(job, Settings.WorkDirectory), CancellationToken.None);
        outputs = result.ExitCode == 0
            ? ReportedOutputs.Judge(job, outputs, PayloadReport.Read(Settings.WorkDirectory), File.Exists(Path.Combine(Settings.WorkDirectory, "metadata.xml")))
            : outputs;
        if (_delivery is not null && result.ExitCode == 0 && outcome.Failure is null)
        {
            outputs = await _delivery.DeliverAsync(outputs, signals.Unwanted);
        }

        return outcome with
        {
            Outputs = outputs,
            Sign = link is null ? null : PayloadEvidence.Of(result, Settings.WorkDirectory, StdoutName, StderrName),
            Failure = outcome.Failure ?? (result.ExitCode != 0 ? null : KilledByServer ? JobFailure.KilledByServer : JobFailure.Of(outputs)),
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
            using CancellationTokenSource limit = new();
            using CancellationTokenRegistration hurry = signals.Cancelled.Register(() => limit.CancelAfter(LastWords));
            outcome = HandOver(await LogAsync(outcome, limit.Token));
            files.WriteErrorReport(outcome, underPilot: false);
            await link.StopHeartbeatAsync();
            await link.FinalAsync(Final(outcome, report), limit.Token);
        }
        else
        {
            outcome = HandOver(outcome);
        }

        outcome = outcome with
        {
            Reporting = link?.State,
            Timings = outcome.Timings with { Report = parts.Time.GetElapsedTime(began).TotalSeconds },
        };
        files.WriteResult(outcome);
        return outcome;
    }

    /// <summary>The log tarball, made and delivered. Left behind it fails a job that was fine otherwise, as it does with the pilot.</summary>
    private async Task<JobOutcome> LogAsync(JobOutcome outcome, CancellationToken ct)
    {
        try
        {
            OutputFile? log = await new LogTarball(Guid.NewGuid).CreateAsync(Settings.WorkDirectory, new LogRequest(job, outcome.Outputs, Settings.Queue), CancellationToken.None);
            if (log is null || _delivery is null)
            {
                return outcome with { Log = log };
            }

            (OutputFile delivered, OutputFault? fault) = await _delivery.DeliverAsync(log, ct);
            bool fine = outcome is { Failure: null, Image.Result.ExitCode: 0 };
            return outcome with { Log = delivered, Failure = fine ? JobFailure.OfLog(fault) : outcome.Failure };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or GridWrapperException)
        {
            Log.Error("the log tarball could not be made: {Message}", e.Message);
            return outcome;
        }
    }

    private JobOutcome HandOver(JobOutcome outcome)
    {
        try
        {
            return outcome with { HandedOver = _delivery?.HandOver() ?? false };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return outcome with { Failure = outcome.Failure ?? JobFailure.OfLog(new OutputFault("", PilotError.StageOutFailed, $"Harvester could not be told of the outputs: {FileTrouble.Describe(e)}") { Step = OutputDelivery.Step }) };
        }
    }

    private FinalReport Final(JobOutcome outcome, string report) => new()
    {
        Run = outcome.Image?.Result,
        Failure = outcome.Failure,
        Sign = outcome.Sign,
        Outputs = outcome.Outputs,
        HandedOver = outcome.HandedOver,
        Log = outcome.Log,
        InputFileCount = job.InputFiles.Length > 0 ? job.InputFiles.Length : job.Inputs.Length,
        CorruptedInputs = _inputs?.Corrupted ?? [],
        JobReport = report,
        Timings = new JobTimings
        {
            GetJob = Settings.GetJobTime,
            StageIn = TimeSpan.FromSeconds(_stageIn),
            Payload = TimeSpan.FromSeconds(outcome.Timings.Payload),
            StageOut = TimeSpan.FromSeconds(outcome.Timings.Outputs),
            Setup = TimeSpan.FromSeconds(outcome.Timings.Probe + outcome.Timings.Resolve + outcome.Timings.Materialise + outcome.Timings.Launch),
        },
        StartedAt = outcome.Image?.Result?.StartedAt ?? _began,
        EndedAt = outcome.Image?.Result?.EndedAt ?? parts.Time.GetUtcNow(),
        KilledByServer = link!.KilledByServer,
        Events = PayloadReport.Read(Settings.WorkDirectory)?.Events,
        Preempted = IsPreempted,
        SignalReceived = signals.Stop.Reason == StopReason.Cancelled ? signals.Stop.Signal : null,
        Strategy = outcome.Image?.Rootfs?.Strategy,
        Launcher = outcome.Image?.Attempts.LastOrDefault()?.Launcher,
        BytesFetched = outcome.Image?.Rootfs?.Transfer.BytesFetched,
        LogExtract = outcome.Failure is { } failure ? ErrorReport.Line(failure) : null,
    };
}
