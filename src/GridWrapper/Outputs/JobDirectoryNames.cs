using GridWrapper.Jobs;

namespace GridWrapper.Outputs;

/// <summary>Names in the job directory that are not the payload's work.</summary>
internal static class JobDirectoryNames
{
    internal const string JobReport = "jobReport.json";
    internal const string UserMetadata = "userJobMetadata.json";

    /// <summary>Files that hold credentials: never an output, never in a log.</summary>
    internal static readonly ImmutableArray<string> Secret = ["user_proxy", "panda_secrets.json", "panda_secrets.sh"];

    /// <summary>Files that this program writes or the pilot keeps there.</summary>
    internal static readonly ImmutableArray<string> Own =
    [
        "gridwrap-result.json", "gridwrap.log", "payload_error_report.json", "payload.stdout", "payload.stderr", "_runcontainer.sh", "PoolFileCatalog.xml",
        "container_script.sh", "my_release_setup.sh", "pid.txt", "pandaJobData.out", "HPCJobs.json", "job_definition.json", "queuedata.json", "heartbeat.json", "pilot_kill_payload",
    ];

    /// <summary>Files that were brought for the payload: its inputs, also those that only its document names, and its sandbox.</summary>
    internal static IEnumerable<string> Brought(JobRequest job)
    {
        IEnumerable<string> inputs = job.Inputs.Concat(job.InMap.SelectMany(s => s.Files)).Concat(job.InputFiles.Select(i => i.Lfn)).Select(f => f[(f.LastIndexOf('/') + 1)..]);
        return job.Sandbox is { } sandbox ? inputs.Append(sandbox.File) : inputs;
    }

    /// <summary>What a pattern or a search never finds.</summary>
    internal static HashSet<string> Ignored(JobRequest job)
    {
        HashSet<string> names = new(Own.Concat(Secret).Concat(Brought(job)), StringComparer.Ordinal);
        if (job.LogFile is { } log)
        {
            names.Add(log);
        }

        return names;
    }
}
