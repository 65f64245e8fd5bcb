using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>Jobs, their states and the updates taken in. Thread-safe.</summary>
internal sealed class WorkloadState
{
    private static readonly ImmutableArray<string> Accepted = ["running", "failed", "finished", "holding", "starting", "transferring"];
    private static readonly ImmutableArray<string> Dates = ["start_time", "end_time"];

    private readonly Lock _lock = new();
    private readonly List<WorkloadJob> _jobs = [];
    private readonly List<RecordedUpdate> _updates = [];
    private readonly Queue<string> _commands = [];
    private readonly List<(string Method, JObject Arguments)> _told = [];

    internal ImmutableArray<RecordedUpdate> Updates
    {
        get
        {
            lock (_lock)
            {
                return [.. _updates];
            }
        }
    }

    /// <summary>What was told of workers: method and arguments.</summary>
    internal ImmutableArray<(string Method, JObject Arguments)> Told
    {
        get
        {
            lock (_lock)
            {
                return [.. _told];
            }
        }
    }

    internal void Tell(string method, JObject arguments)
    {
        lock (_lock)
        {
            _told.Add((method, arguments));
        }
    }

    internal void Add(JObject definition)
    {
        lock (_lock)
        {
            _jobs.Add(new WorkloadJob(definition));
        }
    }

    /// <summary>The next accepted update is answered with this command.</summary>
    internal void Command(string text)
    {
        lock (_lock)
        {
            _commands.Enqueue(text);
        }
    }

    /// <summary>State and fault of a job; null when there is none of that number.</summary>
    internal (string State, string? Fault)? Find(long pandaId)
    {
        lock (_lock)
        {
            return _jobs.Find(j => j.PandaId == pandaId) is { } job ? (job.State, job.Fault) : null;
        }
    }

    /// <summary>Hands out the next job; null when there is none.</summary>
    internal JObject? Next()
    {
        lock (_lock)
        {
            if (_jobs.Find(static j => j.State == "activated") is not { } job)
            {
                return null;
            }

            job.State = "sent";
            return new JObject(job.Definition) { ["StatusCode"] = 0, ["nSent"] = 1 };
        }
    }

    /// <summary>Takes an update in.</summary>
    /// <returns>The command for the client; null when the state is not one that clients may send.</returns>
    internal string? Update(JObject arguments, bool legacy)
    {
        string status = (string)arguments["job_status"]!;
        if (!Accepted.Contains(status))
        {
            return null;
        }

        long id = (long)arguments["job_id"]!;
        ImmutableArray<string> lost = [.. Dates.Where(name => arguments[name] is { Type: JTokenType.String } date && !IsServerDate((string?)date))];
        lock (_lock)
        {
            _updates.Add(new RecordedUpdate(id, status, legacy, arguments, lost));
            return Apply(_jobs.Find(j => j.PandaId == id), status, arguments);
        }
    }

    /// <summary>Status for get_job_status. A job in holding is taken on by the adder afterwards, as on the server.</summary>
    internal (string State, int Attempt) Ask(long pandaId)
    {
        lock (_lock)
        {
            if (_jobs.Find(j => j.PandaId == pandaId) is not { } job)
            {
                return ("not found", 0);
            }

            string state = job.State;
            if (state == "holding" && job.Outcome.Length > 0)
            {
                job.State = job.Outcome;
            }

            return (state, job.Attempt);
        }
    }

    private string Apply(WorkloadJob? job, string status, JObject arguments)
    {
        if (job is null or { State: "finished" or "failed" or "activated" } || IsForeign(job, arguments))
        {
            return "tobekilled";
        }

        if (job.State == "holding" && job.Outcome.Length > 0)
        {
            return "alreadydone";
        }

        bool final = status is "finished" or "failed";
        job.State = final ? "holding" : status;
        if (final)
        {
            job.Fault = status == "finished" ? OutputAdder.Judge(job, (string?)arguments["job_output_report"]) : null;
            job.Outcome = job.Fault is null ? status : "failed";
        }

        return _commands.TryDequeue(out string? command) ? command : "NULL";
    }

    /// <summary>Another attempt, or another batch job than the one that sent the first update.</summary>
    private static bool IsForeign(WorkloadJob job, JObject arguments)
    {
        if (arguments["attempt_nr"] is { Type: JTokenType.Integer } attempt && (int)attempt != job.Attempt)
        {
            return true;
        }

        string? batch = (string?)arguments["batch_id"];
        bool foreign = batch is not null && job.BatchId is not null && batch != job.BatchId;
        job.BatchId ??= batch;
        return foreign;
    }

    private static bool IsServerDate(string? text) => DateTime.TryParseExact(text, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
}
