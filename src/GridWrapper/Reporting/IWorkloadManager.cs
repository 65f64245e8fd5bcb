namespace GridWrapper.Reporting;

/// <summary>The two calls of a workload manager that running a job needs. Implemented by the PanDA client; a test edge.</summary>
internal interface IWorkloadManager
{
    /// <summary>Asks for one job.</summary>
    /// <returns>The raw JSON object of the job as the server sent it, or null when there is none.</returns>
    Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct);

    /// <summary>Sends one update, with the retries its kind deserves.</summary>
    Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct);
}

/// <summary>What the node offers when asking for a job. Sizes in MB.</summary>
internal sealed record AcquireRequest
{
    public required string SiteName { get; init; }

    public required string Node { get; init; }

    public string? ProdSourceLabel { get; init; }

    public int? MemoryMegabytes { get; init; }

    public int? DiskSpaceMegabytes { get; init; }
}

/// <summary>What came back.</summary>
/// <param name="Accepted">The server has the update.</param>
/// <param name="Commands">Exact words, e.g. "tobekilled", "softkill", "debug"; empty for none.</param>
/// <param name="Detail">For the log when not accepted.</param>
internal sealed record UpdateAnswer(bool Accepted, ImmutableArray<string> Commands, string Detail);
