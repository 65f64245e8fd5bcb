namespace GridWrapper.Reporting;

/// <summary>The numbers by which Harvester knows this worker.</summary>
internal sealed record HarvesterWorker(string HarvesterId, long WorkerId)
{
    /// <summary>HARVESTER_ID and HARVESTER_WORKER_ID; null where either is missing.</summary>
    internal static HarvesterWorker? Of(Func<string, string?> variable) =>
        variable("HARVESTER_ID") is { Length: > 0 } harvester && long.TryParse(variable("HARVESTER_WORKER_ID"), NumberStyles.None, CultureInfo.InvariantCulture, out long worker)
            ? new HarvesterWorker(harvester, worker)
            : null;
}
