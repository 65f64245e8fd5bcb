namespace GridWrapper.Reporting;

/// <summary>The two calls of a workload manager that running a job needs. Implemented by the PanDA client; a test edge.</summary>
internal interface IWorkloadManager
{
    /// <summary>Asks for one job.</summary>
    /// <returns>The raw JSON object of the job as the server sent it, or null when there is none.</returns>
    Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct);

    /// <summary>Sends one update, with the retries its kind deserves.</summary>
    Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct);

    /// <summary>Sends several updates, in their order. After one that is not accepted the rest may be left out and is said not to be accepted.</summary>
    async Task<ImmutableArray<UpdateAnswer>> UpdateJobsAsync(ImmutableArray<JobUpdate> updates, CancellationToken ct)
    {
        List<UpdateAnswer> answers = [];
        foreach (JobUpdate update in updates)
        {
            answers.Add(answers is [.., { Accepted: false } last] ? last : await UpdateJobAsync(update, ct));
        }

        return [.. answers];
    }
}

/// <summary>What the node offers when asking for a job. Sizes in MB.</summary>
internal sealed record AcquireRequest
{
    public required string SiteName { get; init; }

    public required string Node { get; init; }

    public string? ProdSourceLabel { get; init; }

    public int? MemoryMegabytes { get; init; }

    public int? DiskSpaceMegabytes { get; init; }

    public string? ComputingElement { get; init; }

    /// <summary>SCORE, MCORE, SCORE_HIMEM…</summary>
    public string? ResourceType { get; init; }

    public string? HarvesterId { get; init; }

    public long? WorkerId { get; init; }

    public string? SchedulerId { get; init; }

    public string? JobType { get; init; }

    /// <summary>Jobs of this task only.</summary>
    public long? TaskId { get; init; }

    /// <summary>What is left of the slot.</summary>
    public long? RemainingSeconds { get; init; }
}

/// <summary>What came back.</summary>
/// <param name="Accepted">The server has the update.</param>
/// <param name="Commands">Exact words, e.g. "tobekilled", "softkill", "debug"; empty for none.</param>
/// <param name="Detail">For the log when not accepted.</param>
internal sealed record UpdateAnswer(bool Accepted, ImmutableArray<string> Commands, string Detail);
