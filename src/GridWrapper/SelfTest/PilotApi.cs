using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>The v1 pilot API of the loopback workload manager; checks in the server's order: credentials, role, HTTP method, names, types.</summary>
internal sealed class PilotApi(WorkloadState state, WorkloadOptions options)
{
    private const string Prefix = "/api/v1/pilot/";

    internal HashSet<string> UnknownArguments { get; } = new(StringComparer.Ordinal);

    internal WorkloadAnswer Answer(WorkloadRequest request)
    {
        if (request.Path == "/api/v1/system/is_alive")
        {
            return WorkloadAnswer.Yes("I'm alive!");
        }

        ApiSignature? method = ApiSignature.All.FirstOrDefault(s => request.Path == Prefix + s.Name)
            ?? ApiSignature.Credentials.FirstOrDefault(s => request.Path == "/api/v1/creds/" + s.Name);
        if (method is null)
        {
            return WorkloadAnswer.Plain(403, $"ERROR : method {request.Path.Split('/')[^1]} is forbidden");
        }

        if (RefuseToken(request) is { } refused)
        {
            return refused;
        }

        JObject arguments;
        try
        {
            if (request.ContentEncoding is not null)
            {
                return WorkloadAnswer.Plain(500, "Not a gzipped file");
            }

            arguments = request.V1Arguments();
        }
        catch (JsonException)
        {
            return WorkloadAnswer.Plain(500, "received invalid JSON");
        }

        return Judge(request, method, arguments) ?? Run(method, arguments);
    }

    /// <summary>Checks that the entry point makes before the body is looked at.</summary>
    private WorkloadAnswer? RefuseToken(WorkloadRequest request) => options.Token is null || request.Authorization is null ? null
        : string.IsNullOrEmpty(request.Origin) ? WorkloadAnswer.Plain(403, "ERROR : Token authentication failed. no Origin in HTTP headers")
        : request.Authorization != "Bearer " + options.Token && request.Authorization != "Bearer " + (options.RenewedToken ?? options.Token) ? WorkloadAnswer.Plain(403, "ERROR : Token authentication failed. Invalid token")
        : null;

    private WorkloadAnswer? Judge(WorkloadRequest request, ApiSignature method, JObject arguments) =>
        options.Token is not null && request.Authorization is null ? WorkloadAnswer.No("SSL secure connection is required")
        : method.NeedsRole && !options.ProductionRole ? WorkloadAnswer.No("production or pilot role required")
        : method.HttpMethod != request.HttpMethod ? WorkloadAnswer.No($"expecting {method.HttpMethod}, received {request.HttpMethod}")
        : ArgumentCheck.Judge(method, method.HttpMethod == "GET" ? Cast(method, arguments) : arguments, UnknownArguments);

    /// <summary>Values of a GET arrive as texts and are cast to what is declared.</summary>
    private static JObject Cast(ApiSignature method, JObject arguments)
    {
        JObject cast = [];
        foreach (JProperty argument in arguments.Properties())
        {
            string? type = method.Parameters.FirstOrDefault(p => p.Name == argument.Name)?.Type;
            cast[argument.Name] = type switch
            {
                "int" when long.TryParse((string?)argument.Value, CultureInfo.InvariantCulture, out long number) => number,
                "List" when argument.Value is not JArray && !((string?)argument.Value ?? "").Contains(',', StringComparison.Ordinal) => new JArray { argument.Value! },
                _ => argument.Value,
            };
        }

        return cast;
    }

    private WorkloadAnswer Run(ApiSignature method, JObject arguments) => method.Name switch
    {
        "acquire_jobs" => Acquire(arguments),
        "update_job" => Update(arguments),
        "update_jobs_bulk" => UpdateMany((JArray)arguments["job_list"]!),
        "update_worker_status" => (string?)arguments["status"] is "started" or "finished"
            ? Told(method, arguments, null)
            : WorkloadAnswer.No($"Invalid worker status: {arguments["status"]}"),
        "update_worker_node" => Told(method, arguments, "Inserted new worker node."),
        "update_worker_node_gpu" => Told(method, arguments, "Inserted new worker node GPU."),
        "get_access_token" => (string?)arguments["token_key"] == options.TokenKey && options.Token is { } token
            ? WorkloadAnswer.Yes(new JObject { ["user_proxy"] = options.RenewedToken ?? token })
            : WorkloadAnswer.No($"failed since token key is invalid for {arguments["client_name"]}"),
        "get_proxy" => WorkloadAnswer.No("'proxy' not found for somebody"),
        "get_token_key" => options.TokenKey is { } key ? WorkloadAnswer.Yes(new JObject { ["tokenKey"] = key }) : WorkloadAnswer.No($"Token key is missing for '{arguments["client_name"]}"),
        _ => Status(arguments),
    };

    private WorkloadAnswer Told(ApiSignature method, JObject arguments, string? text)
    {
        state.Tell(method.Name, arguments);
        return WorkloadAnswer.Yes(text);
    }

    private WorkloadAnswer Acquire(JObject arguments)
    {
        if (!options.ProductionRole && (string?)arguments["prod_source_label"] != "user")
        {
            return WorkloadAnswer.No("no production/pilot role in VOMS FQANs or non pilot owner");
        }

        JArray jobs = [];
        for (int wanted = (int?)arguments["n_jobs"] ?? 1; wanted > 0 && state.Next() is { } job; wanted--)
        {
            jobs.Add(job);
        }

        return jobs.Count == 0 ? WorkloadAnswer.No("No jobs in PanDA") : WorkloadAnswer.Yes(new JObject { ["StatusCode"] = 0, ["jobs"] = jobs });
    }

    private WorkloadAnswer Update(JObject arguments) => state.Update(arguments, legacy: false) is { } command
        ? WorkloadAnswer.Yes(new JObject { ["StatusCode"] = 0, ["command"] = command })
        : WorkloadAnswer.No($"Invalid job status: {arguments["job_status"]}", new JObject { ["StatusCode"] = 50 });

    /// <summary>An item without its keys fails the whole call although the items before it have been applied, as on the server.</summary>
    private WorkloadAnswer UpdateMany(JArray items)
    {
        JArray answers = [];
        foreach (JToken item in items)
        {
            if (item is not JObject arguments)
            {
                return WorkloadAnswer.No("failed with TypeError string indices must be integers");
            }

            string missing = !arguments.ContainsKey("job_id") ? "job_id" : !arguments.ContainsKey("job_status") ? "job_status" : "";
            if (missing.Length > 0)
            {
                return WorkloadAnswer.No($"failed with KeyError '{missing}'");
            }

            answers.Add((ArgumentCheck.Judge(ApiSignature.UpdateJob, arguments, UnknownArguments) ?? Update(arguments)).Document ?? []);
        }

        return WorkloadAnswer.Yes(answers);
    }

    private WorkloadAnswer Status(JObject arguments)
    {
        JArray states = [];
        foreach (JToken id in (JArray)arguments["job_ids"]!)
        {
            if (!long.TryParse((string?)id, CultureInfo.InvariantCulture, out long number))
            {
                return WorkloadAnswer.No("Type error: 'job_ids' could not be casted to type list.");
            }

            (string jobState, int attempt) = state.Ask(number);
            states.Add(new JObject { ["job_id"] = number, ["status"] = jobState, ["attempt_number"] = attempt });
        }

        return WorkloadAnswer.Yes(states);
    }
}
