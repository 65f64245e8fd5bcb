using GridWrapper.Watching;

namespace GridWrapper.Reporting;

/// <summary>Pure: our records as the arguments of the server's calls, with both names of each (panda-server, pilot API v1 and the JobDispatcher before it).</summary>
internal static class UpdateFields
{
    /// <summary>Characters of stdout that a debug update carries.</summary>
    internal const int StdoutLimit = 2048;

    /// <summary>Characters of job_metrics that the server keeps.</summary>
    internal const int MetricsLimit = 500;

    private const int DiagnosisLimit = 500;

    /// <summary>CPU seconds above this are a clock gone wrong, not a measurement.</summary>
    private const long CpuSecondsLimit = 1_000_000_000;

    internal static IReadOnlyList<WireField> Of(AcquireRequest request)
    {
        WireFields fields = new();
        fields.Text("site_name", "siteName", request.SiteName);
        fields.Text("node", "node", request.Node, 128);
        fields.Text("prod_source_label", "prodSourceLabel", request.ProdSourceLabel);
        fields.Integer("memory", "mem", request.MemoryMegabytes);
        fields.Integer("disk_space", "diskSpace", request.DiskSpaceMegabytes);
        fields.Text("computing_element", "computingElement", request.ComputingElement);
        fields.Text("resource_type", "resourceType", request.ResourceType);
        fields.Text("harvester_id", "harvester_id", request.HarvesterId);
        fields.Integer("worker_id", "worker_id", request.WorkerId);
        fields.Text("scheduler_id", "schedulerID", request.SchedulerId);
        fields.Text("job_type", "jobType", request.JobType);
        fields.Integer("task_id", "taskID", request.TaskId);
        fields.Integer("remaining_time", "remaining_time", request.RemainingSeconds);
        return fields.List;
    }

    internal static IReadOnlyList<WireField> Of(JobUpdate update)
    {
        WireFields fields = new();
        AddIdentity(fields, update);
        AddResult(fields, update);
        AddResources(fields, update);
        return fields.List;
    }

    private static void AddIdentity(WireFields fields, JobUpdate update)
    {
        fields.Integer("job_id", "jobId", update.JobId);
        fields.Text("job_status", "state", update.JobStatus);
        fields.Integer("attempt_nr", "attemptNr", update.AttemptNr);
        fields.Text("site_name", "siteName", update.SiteName);
        fields.Text("node", "node", update.Node, 128);
        fields.Text("scheduler_id", "schedulerID", update.SchedulerId);
        fields.Text("pilot_id", "pilotID", update.PilotId, 200);
        fields.Text("batch_id", "batchID", update.BatchId, 80);
        fields.Text("job_sub_status", "jobSubStatus", update.JobSubStatus, 80);
        fields.Text("grid", null, update.Grid, 50);
        fields.Text("source_site", null, update.SourceSite, 36);
        fields.Text("destination_site", null, update.DestinationSite, 36);
    }

    private static void AddResult(WireFields fields, JobUpdate update)
    {
        fields.Time("start_time", "startTime", update.StartTime);
        fields.Time("end_time", "endTime", update.EndTime);
        fields.Integer("trans_exit_code", "transExitCode", update.TransExitCode);
        fields.Integer("pilot_error_code", "pilotErrorCode", update.PilotErrorCode);
        fields.Text("pilot_error_diag", "pilotErrorDiag", update.PilotErrorDiag, DiagnosisLimit);
        fields.Integer("exe_error_code", "exeErrorCode", update.ExeErrorCode);
        fields.Text("exe_error_diag", "exeErrorDiag", update.ExeErrorDiag, DiagnosisLimit);
        fields.Text("job_output_report", "xml", update.JobOutputReport);
        fields.Text("meta_data", "metaData", update.MetaData);
        fields.Tail("stdout", "stdout", update.Stdout, StdoutLimit);
        fields.Tail("pilot_log", "pilotLog", update.PilotLog, 1024);
        fields.Text("corrupted_files", null, update.CorruptedFiles);
    }

    private static void AddResources(WireFields fields, JobUpdate update)
    {
        fields.Integer("core_count", "coreCount", update.CoreCount);
        fields.Integer("cpu_consumption_time", "cpuConsumptionTime", update.CpuConsumptionTime > CpuSecondsLimit ? null : update.CpuConsumptionTime);
        fields.Text("cpu_consumption_unit", "cpuConsumptionUnit", update.CpuConsumptionUnit);
        fields.Fraction("cpu_conversion_factor", "cpuConversionFactor", update.CpuConversionFactor);
        fields.Integer("mean_core_count", "meanCoreCount", update.MeanCoreCount);
        fields.Integer("n_events", "nEvents", update.EventCount);
        fields.Integer("n_input_files", null, update.InputFileCount);
        fields.Text("cpu_architecture_level", "cpu_architecture_level", update.CpuArchitectureLevel, 20);
        fields.Integer("max_rss", "maxRSS", update.MaxRss);
        if (update.Usage is { } usage)
        {
            AddUsage(fields, usage);
        }

        fields.Text("job_metrics", "jobMetrics", update.JobMetrics, MetricsLimit);
        fields.Text("pilot_timing", "pilotTiming", update.PilotTiming);
    }

    /// <summary>Memory in kB, transfers in bytes and bytes per second.</summary>
    private static void AddUsage(WireFields fields, PayloadUsage usage)
    {
        const int kilobyte = 1024;
        double seconds = Math.Max(usage.WallSeconds, 1);
        fields.Integer("max_vmem", "maxVMEM", usage.Maximum.Virtual / kilobyte);
        fields.Integer("max_swap", "maxSWAP", usage.Maximum.Swap / kilobyte);
        fields.Integer("max_pss", "maxPSS", usage.Maximum.Pss / kilobyte);
        fields.Integer("avg_rss", "avgRSS", usage.Average.Rss / kilobyte);
        fields.Integer("avg_vmem", "avgVMEM", usage.Average.Virtual / kilobyte);
        fields.Integer("avg_swap", "avgSWAP", usage.Average.Swap / kilobyte);
        fields.Integer("avg_pss", "avgPSS", usage.Average.Pss / kilobyte);
        fields.Integer("tot_rchar", "totRCHAR", usage.ReadChars);
        fields.Integer("tot_wchar", "totWCHAR", usage.WrittenChars);
        fields.Integer("tot_rbytes", "totRBYTES", usage.ReadBytes);
        fields.Integer("tot_wbytes", "totWBYTES", usage.WrittenBytes);
        fields.Integer("rate_rchar", "rateRCHAR", (long)(usage.ReadChars / seconds));
        fields.Integer("rate_wchar", "rateWCHAR", (long)(usage.WrittenChars / seconds));
        fields.Integer("rate_rbytes", "rateRBYTES", (long)(usage.ReadBytes / seconds));
        fields.Integer("rate_wbytes", "rateWBYTES", (long)(usage.WrittenBytes / seconds));
    }
}
