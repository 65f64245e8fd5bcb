namespace GridWrapper.Reporting;

/// <summary>A call under both of its names.</summary>
internal sealed record PandaMethod
{
    internal static readonly PandaMethod AcquireJobs = new("acquire_jobs", "getJob", ["site_name", "siteName"]);

    internal static readonly PandaMethod UpdateJob = new("update_job", "updateJob", ["job_id", "jobId", "job_status", "state"]);

    internal static readonly PandaMethod JobStatus = new("get_job_status", "getStatus", ["job_ids", "ids"]);

    private PandaMethod(string name, string legacy, ImmutableArray<string> required)
    {
        Name = name;
        Required = required;
        Path = "/api/v1/pilot/" + name;
        LegacyPath = "/server/panda/" + legacy;
    }

    public string Name { get; }

    public string Path { get; }

    public string LegacyPath { get; }

    /// <summary>Arguments without which the call means nothing: never dropped.</summary>
    public ImmutableArray<string> Required { get; }
}
