using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Outputs;
using GridWrapper.Watching;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>Pure: what happened, in the workload manager's words.</summary>
internal static class ReportMapper
{
    /// <summary>Codes that the server answers by another try elsewhere when a user's job sends them negative.</summary>
    private static readonly ImmutableArray<int> Recoverable = [1135, 1136, PilotError.StageOutFailed, 1141, PilotError.StageOutTimeout, 1181];

    /// <summary>The job is ours; always the first update.</summary>
    internal static JobUpdate Starting(JobIdentity job) => Base(job, "starting");

    /// <summary>The payload runs; also the heartbeat.</summary>
    /// <param name="stdoutTail">The end of the payload's stdout in debug mode, else null.</param>
    /// <param name="usage">What the payload used so far; null before the first sample.</param>
    internal static JobUpdate Running(JobIdentity job, DateTimeOffset startedAt, string? stdoutTail, PayloadUsage? usage) => Base(job, "running") with
    {
        StartTime = startedAt,
        Stdout = stdoutTail,
        Usage = usage,
        CpuConsumptionTime = usage is null ? null : CpuSeconds(usage.CpuSeconds),
        CpuConsumptionUnit = usage is null ? null : job.CpuUnit,
        CpuConversionFactor = usage is null ? null : SecondsAreSeconds,
        MaxRss = usage is { Maximum.Rss: > 0 } ? usage.Maximum.Rss / 1024 : null,
    };

    /// <summary>A document that could not be read as a job: only its number is known, and that it must not be left waiting for a heartbeat.</summary>
    internal static JobUpdate RejectedDocument(long pandaId, int? attempt, Failure failure) => new()
    {
        JobId = pandaId,
        JobStatus = "failed",
        AttemptNr = attempt,
        TransExitCode = failure.ExitCode,
        PilotErrorCode = failure.PilotErrorCode,
        PilotErrorDiag = Flat(failure.Message),
        ExeErrorCode = failure.PilotErrorCode,
        ExeErrorDiag = Flat(failure.Message),
    };

    /// <summary>The end: finished with all outputs, transferring while Harvester moves them, or failed with the reason and only the log.</summary>
    internal static JobUpdate Final(JobIdentity job, FinalReport report)
    {
        Diagnosis? diagnosis = Judge(report);
        bool finished = diagnosis is null;
        int code = diagnosis?.PilotCode ?? 0;
        bool negative = job.IsAnalysis && Recoverable.Contains(code);
        return Base(job, !finished ? "failed" : report.HandedOver ? "transferring" : "finished") with
        {
            StartTime = report.StartedAt,
            EndTime = report.EndedAt,
            TransExitCode = report.Run?.ExitCode ?? report.Failure?.ExitCode ?? 0,
            PilotErrorCode = negative ? -code : code,
            PilotErrorDiag = diagnosis?.Text,
            ExeErrorCode = diagnosis?.ExeCode ?? 0,
            ExeErrorDiag = diagnosis is { ExeCode: not 0 } ? diagnosis.Text : null,
            JobOutputReport = report.KilledByServer ? null : OutputReport(finished ? report.Outputs.Files : [], report.Log),
            MetaData = report.JobReport,
            InputFileCount = report.InputFileCount > 0 ? report.InputFileCount : null,
            CorruptedFiles = report.CorruptedInputs.IsEmpty ? null : string.Join(',', report.CorruptedInputs),
            CpuConsumptionTime = report.Run is { } run ? CpuSeconds(run.CpuSeconds) : null,
            MeanCoreCount = report.Run is { WallSeconds: > 0 } measure && (int)Math.Round(measure.CpuSeconds / measure.WallSeconds) is > 0 and { } busy ? busy : null,
            CpuConsumptionUnit = job.CpuUnit,
            CpuConversionFactor = report.Run is null ? null : SecondsAreSeconds,
            EventCount = report.Events,
            CpuArchitectureLevel = job.CpuLevel,
            MaxRss = report.Run is { MaxRssBytes: > 0 } measured ? Math.Max(measured.MaxRssBytes, measured.Usage?.Maximum.Rss ?? 0) / 1024 : null,
            Usage = report.Run?.Usage is { SampleCount: > 0 } usage ? usage : null,
            JobMetrics = Metrics(job, report),
            PilotTiming = report.Timings.ToPilotTiming(),
            PilotLog = finished ? null : report.LogExtract,
        };
    }

    /// <summary>How a payload that did not end well ended, in one line; "OK" when it did.</summary>
    internal static string Diagnose(RunResult? run) => run switch
    {
        null => "the payload was not started",
        { StopReason: StopReason.Timeout } => $"the payload reached its time limit after {run.WallSeconds:0} s and was stopped",
        { StopReason: StopReason.LostHeartbeat } => "the workload manager did not answer for too long; the payload was stopped",
        { Breach: { } breach } => breach.Message,
        { StopReason: StopReason.Memory } => "the payload exceeded its memory limit and was stopped",
        { StopReason: StopReason.Looping } => "the payload made no progress and was stopped",
        { StopReason: StopReason.Cpu } => "the payload exceeded its processor time and was stopped",
        { StopReason: StopReason.Disk } => "the payload wrote too much and was stopped",
        { StopReason: StopReason.Processes } => "the payload ran too many processes and was stopped",
        { StopReason: StopReason.Cancelled } => "the payload was stopped on request",
        { OomKilled: true, ExitCode: not 0 } => "the kernel killed the payload because its memory limit was reached",
        { ExecErrno: { } errno } => $"the payload's command could not be executed ({errno}), exit code {run.ExitCode}",
        { Signal: { } signal } => $"the payload died of signal {signal}",
        { ExitCode: 0 } => "OK",
        { ExitCode: 251 } => "the payload exited with 251: its transform did not say why",
        { ExitCode: 137 } => "the payload exited with 137: a process of it was killed, possibly for want of memory",
        _ => $"the payload exited with {run.ExitCode}",
    };

    /// <summary>The pilot's code for a payload that did not end well, 0 when it did.</summary>
    internal static int PilotCode(RunResult run, bool killedByServer, int? signalReceived) => run switch
    {
        { StopReason: StopReason.Timeout } => PilotError.ReachedMaxTime,
        { StopReason: StopReason.LostHeartbeat } => PilotError.CommunicationFailure,
        { StopReason: StopReason.Memory, OomKilled: true } => PilotError.PayloadOutOfMemory,
        { StopReason: StopReason.Memory } => PilotError.PayloadExceedMaxMem,
        { StopReason: StopReason.Cpu } => PilotError.ReachedMaxTime,
        { StopReason: StopReason.Disk } => PilotError.UserDirectoryTooLarge,
        { StopReason: StopReason.Processes } => PilotError.ResourceUnavailable,
        { StopReason: StopReason.Looping } => PilotError.LoopingJob,
        { StopReason: StopReason.Cancelled } => killedByServer ? PilotError.PandaKill : SignalCode(signalReceived),
        { OomKilled: true, ExitCode: not 0 } => PilotError.PayloadOutOfMemory,
        { ExitCode: 0 } => 0,
        { ExitCode: 135 } => PilotError.SigBus,
        { ExitCode: 138 } => PilotError.SigUsr1,
        { ExitCode: 139 } => PilotError.PayloadSegmentationFault,
        { ExitCode: 152 } => PilotError.SigXcpu,
        { ExitCode: 251 } => PilotError.UnknownTrfFailure,
        _ => PilotError.PayloadExecutionFailure,
    };

    /// <summary>cpu_consumption_time is in seconds already.</summary>
    private const double SecondsAreSeconds = 1;

    private static int CpuSeconds(double seconds) => (int)Math.Min(Math.Round(seconds), int.MaxValue);

    /// <summary>The pilot's code for a signal to the wrapper itself.</summary>
    internal static int SignalCode(int? signal) => signal switch
    {
        2 => PilotError.SigInt,
        3 => PilotError.SigQuit,
        15 => PilotError.SigTerm,
        24 => PilotError.SigXcpu,
        _ => PilotError.KillSignal,
    };

    private static int Preempted(int code, FinalReport report) => code == PilotError.SigTerm && report.Preempted ? PilotError.Preemption : code;

    /// <summary>Why the job failed; null when it did not. The server's wish and our own failures come before what the payload says.</summary>
    private static Diagnosis? Judge(FinalReport report)
    {
        if (report.KilledByServer)
        {
            return new Diagnosis(PilotError.PandaKill, 0, "stopped because the workload manager asked for it (tobekilled)");
        }

        if (report.Failure is { } failure)
        {
            return new Diagnosis(failure.PilotErrorCode, failure.PilotErrorCode, Flat(failure.Message));
        }

        if (report.Run is not { } run)
        {
            return report.SignalReceived is null
                ? new Diagnosis(PilotError.PayloadExecutionException, 0, Diagnose(null))
                : new Diagnosis(Preempted(SignalCode(report.SignalReceived), report), 0, $"signal {report.SignalReceived} arrived before the payload was started");
        }

        int code = Preempted(PilotCode(run, killedByServer: false, report.SignalReceived), report);
        return code == PilotError.PayloadExecutionFailure && report.Sign is { } sign ? new Diagnosis(sign.PilotErrorCode, run.ExitCode, Flat(sign.Message))
            : code == PilotError.Preemption ? new Diagnosis(code, run.ExitCode, "the node is being taken away: the payload was stopped by TERM; the same job may go on elsewhere")
            : code != 0 ? new Diagnosis(code, run.ExitCode, Diagnose(run))
            : report.Outputs.Missing.IsEmpty ? null
            : new Diagnosis(PilotError.MissingOutputFile, 0, "outputs were not produced: " + string.Join(", ", report.Outputs.Missing));
    }

    /// <summary>LFN → guid, fsize, adler32, and where it is. One entry without its guid, or one file that the job does not name, would spoil the whole report.</summary>
    private static string? OutputReport(ImmutableArray<OutputFile> outputs, OutputFile? log)
    {
        JObject report = [];
        foreach (OutputFile file in log is null ? outputs : outputs.Add(log))
        {
            JObject entry = new() { ["guid"] = file.Guid, ["fsize"] = file.SizeBytes, ["adler32"] = file.Adler32 };
            if (file.Url is { } url)
            {
                entry["surl"] = url;
            }

            if (file.Endpoint is { } endpoint)
            {
                entry["endpoint"] = endpoint;
            }

            report[file.Lfn] = entry;
        }

        return report.Count == 0 ? null : report.ToString(Formatting.None);
    }

    /// <summary>"key=value" words; the server cuts the end off, so the important ones stand first, and no word is sent in half.</summary>
    private static string Metrics(JobIdentity job, FinalReport report)
    {
        (string Key, string? Value)[] all =
        [
            ("actualCoreCount", job.CoreCount.ToString(CultureInfo.InvariantCulture)),
            ("nEvents", report.Events?.ToString(CultureInfo.InvariantCulture)),
            ("gwStrategy", report.Strategy),
            ("gwLauncher", report.Launcher),
            ("gwBytes", report.BytesFetched?.ToString(CultureInfo.InvariantCulture)),
            ("gwPrepTime", JobTimings.Seconds(report.Timings.Setup)),
            ("gwStep", report.Failure?.Step),
        ];
        StringBuilder text = new();
        foreach ((string key, string? value) in all)
        {
            string word = $"{key}={value}";
            if (!string.IsNullOrEmpty(value) && !value.Contains(' ', StringComparison.Ordinal) && text.Length + 1 + word.Length <= UpdateFields.MetricsLimit)
            {
                _ = text.Append(text.Length == 0 ? "" : " ").Append(word);
            }
        }

        return text.ToString();
    }

    private static JobUpdate Base(JobIdentity job, string status) => new()
    {
        JobId = job.PandaId,
        JobStatus = status,
        AttemptNr = job.Attempt,
        SiteName = job.SiteName,
        Node = job.Node,
        SchedulerId = job.SchedulerId,
        PilotId = job.PilotId,
        BatchId = job.BatchId,
        CoreCount = job.CoreCount,
        Grid = job.Grid,
        SourceSite = job.SourceSite,
        DestinationSite = job.DestinationSite,
    };

    private static string Flat(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private sealed record Diagnosis(int PilotCode, int ExeCode, string Text);
}
