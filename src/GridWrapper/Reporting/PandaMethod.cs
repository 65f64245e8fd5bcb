namespace GridWrapper.Reporting;

/// <summary>A call under both of its names.</summary>
internal sealed record PandaMethod
{
    internal static readonly PandaMethod AcquireJobs = new("acquire_jobs", "getJob", ["site_name", "siteName"]);

    internal static readonly PandaMethod UpdateJob = new("update_job", "updateJob", ["job_id", "jobId", "job_status", "state"]);

    internal static readonly PandaMethod JobStatus = new("get_job_status", "getStatus", ["job_ids", "ids"]) { IsGet = true };

    internal static readonly PandaMethod UpdateJobsBulk = new("update_jobs_bulk", null, ["job_list"]);

    internal static readonly PandaMethod UpdateWorkerStatus =
        new("update_worker_status", "updateWorkerPilotStatus", ["worker_id", "workerID", "harvester_id", "harvesterID", "status"]);

    internal static readonly PandaMethod UpdateWorkerNode = new("update_worker_node", null, ["site", "host_name", "cpu_model"]);

    internal static readonly PandaMethod UpdateWorkerNodeGpu = new("update_worker_node_gpu", null, ["site", "host_name", "vendor", "model", "count"]);

    internal static readonly PandaMethod GetAccessToken = new("get_access_token", "get_access_token", ["client_name"]) { Module = "creds", IsGet = true };

    internal static readonly PandaMethod GetProxy = new("get_proxy", "getProxy", []) { Module = "creds", IsGet = true };

    internal static readonly PandaMethod GetTokenKey = new("get_token_key", "getTokenKey", ["client_name"]) { Module = "creds", IsGet = true };

    private PandaMethod(string name, string? legacy, ImmutableArray<string> required)
    {
        Name = name;
        Required = required;
        LegacyPath = legacy is null ? null : "/server/panda/" + legacy;
    }

    public string Name { get; }

    /// <summary>The part of the v1 API that it belongs to.</summary>
    public string Module { get; private init; } = "pilot";

    /// <summary>Arguments stand in the query.</summary>
    public bool IsGet { get; private init; }

    public string Path => $"/api/v1/{Module}/{Name}";

    /// <summary>Null where the API before v1 has nothing of the kind.</summary>
    public string? LegacyPath { get; }

    /// <summary>Arguments without which the call means nothing: never dropped.</summary>
    public ImmutableArray<string> Required { get; }
}
