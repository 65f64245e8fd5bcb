namespace GridWrapper.SelfTest;

/// <summary>One argument of a server method.</summary>
/// <param name="Type">"int", "float", "bool", "str", "List", "int | float"; null where none is declared.</param>
/// <param name="Default">None (null), a number or an empty text; meaningless when required.</param>
internal sealed record ApiParameter(string Name, string? Type, bool Required, object? Default);

/// <summary>One method of the pilot API as the server declares it.</summary>
internal sealed record ApiSignature(string Name, string HttpMethod, bool NeedsRole, ImmutableArray<ApiParameter> Parameters)
{
    private const string UpdateJobText =
        "job_id:int! job_status:str! job_output_report:str='' node:str cpu_consumption_time:int cpu_consumption_unit:str scheduler_id:str pilot_id:str "
        + "site_name:str pilot_log:str='' meta_data:str='' cpu_conversion_factor:float|int trans_exit_code:int pilot_error_code:int pilot_error_diag:str "
        + "exe_error_code:int exe_error_diag:str pilot_timing:str start_time:str end_time:str n_events:int n_input_files:int batch_id:str attempt_nr:int "
        + "job_metrics:str stdout:str='' job_sub_status:str core_count:int max_rss:int|float max_vmem:int|float max_swap:int|float max_pss:int|float "
        + "avg_rss:int|float avg_vmem:int|float avg_swap:int|float avg_pss:int|float tot_rchar:int|float tot_wchar:int|float tot_rbytes:int|float "
        + "tot_wbytes:int|float rate_rchar:int|float rate_wchar:int|float rate_rbytes:int|float rate_wbytes:int|float corrupted_files:str "
        + "mean_core_count:int cpu_architecture_level:str grid:str source_site:str destination_site:str timeout:int=60";

    private const string AcquireJobsText =
        "site_name:str! timeout:int=60 memory:int disk_space:int prod_source_label:str node:str computing_element:str prod_user_id:str get_proxy_key:str "
        + "task_id:int n_jobs:int=1 background:bool resource_type:str harvester_id:str worker_id:int scheduler_id:str job_type:str via_topic:bool remaining_time";

    private const string WorkerNodeText =
        "site:str! host_name:str! cpu_model:str! panda_queue:str n_logical_cpus:int n_sockets:int cores_per_socket:int threads_per_core:int cpu_architecture:str "
        + "cpu_architecture_level:str clock_speed:float total_memory:int total_local_disk:int timeout:int=60";

    private const string WorkerNodeGpuText =
        "site:str! host_name:str! vendor:str! model:str! count:int! vram:int architecture:str framework:str framework_version:str driver_version:str timeout:int=60";

    internal static ApiSignature AcquireJobs { get; } = Read("acquire_jobs", "POST", false, AcquireJobsText);

    internal static ApiSignature UpdateJob { get; } = Read("update_job", "POST", true, UpdateJobText);

    internal static ApiSignature UpdateJobsBulk { get; } = Read("update_jobs_bulk", "POST", true, "job_list:List! harvester_id:str");

    internal static ApiSignature GetJobStatus { get; } = Read("get_job_status", "GET", false, "job_ids:List! timeout:int=60");

    internal static ApiSignature UpdateWorkerStatus { get; } = Read("update_worker_status", "POST", true, "worker_id! harvester_id! status! timeout=60 node_id");

    internal static ApiSignature UpdateWorkerNode { get; } = Read("update_worker_node", "POST", true, WorkerNodeText);

    internal static ApiSignature UpdateWorkerNodeGpu { get; } = Read("update_worker_node_gpu", "POST", true, WorkerNodeGpuText);

    internal static ImmutableArray<ApiSignature> All => [AcquireJobs, UpdateJob, UpdateJobsBulk, GetJobStatus, UpdateWorkerStatus, UpdateWorkerNode, UpdateWorkerNodeGpu];

    /// <summary>The credentials' part of the API, as far as a pilot uses it.</summary>
    internal static ImmutableArray<ApiSignature> Credentials =>
    [
        Read("get_access_token", "GET", false, "client_name:str! token_key:str"), Read("get_proxy", "GET", false, "role:str dn:str"), Read("get_token_key", "GET", false, "client_name:str!"),
    ];

    /// <summary>The table above: NAME[:TYPE][!][=DEFAULT], where ! means required and no default means None.</summary>
    private static ApiSignature Read(string name, string httpMethod, bool needsRole, string parameters) =>
        new(name, httpMethod, needsRole, [.. parameters.Split(' ').Select(ReadParameter)]);

    private static ApiParameter ReadParameter(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        object? otherwise = equals < 0 ? null : text[(equals + 1)..] is "''" ? "" : long.Parse(text[(equals + 1)..], CultureInfo.InvariantCulture);
        string head = equals < 0 ? text : text[..equals];
        bool required = head.EndsWith('!');
        string[] parts = head.TrimEnd('!').Split(':');
        return new ApiParameter(parts[0], parts.Length > 1 ? parts[1].Replace("|", " | ", StringComparison.Ordinal) : null, required, otherwise);
    }
}
