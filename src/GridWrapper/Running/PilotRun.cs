using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Probing;
using GridWrapper.Reporting;

namespace GridWrapper.Running;

/// <summary>A mini pilot with its lines to the workload manager and to Harvester.</summary>
internal sealed class PilotRun(RunSettings settings, PilotLimits limits, TimeProvider time)
{
    private static readonly TimeSpan TellingLimit = TimeSpan.FromSeconds(30);
    private static readonly RoomLog Log = new(nameof(PilotRun));

    private readonly NodeFacts _node = NodeProbe.Probe("/", settings.Environment);

    /// <param name="ask">False: only the jobs that were handed down.</param>
    internal async Task<PilotOutcome> RunAsync(bool ask)
    {
        HarvesterDirectory? harvester = HarvesterDirectory.Of(settings.Environment);
        if (settings.Server is not null)
        {
            return await WithServerAsync(harvester, ask);
        }

        if (harvester is null)
        {
            throw GridWrapperException.BadCommandLine("--pull-job needs --server URL (or a site profile that names one) and no --no-report");
        }

        HarvesterMailbox mailbox = new(harvester);
        RunSettings own = settings with { Server = "file://" + harvester.Path };
        MiniPilot pilot = new(own, limits, time, (job, of, signals) => new JobRun(of, time).RunAsync(job, mailbox, signals));
        try
        {
            return await pilot.RunAsync(new PilotSource(own, null, harvester) { AsksHarvester = ask }, static _ => Task.CompletedTask);
        }
        finally
        {
            harvester.WithdrawRequest();
        }
    }

    private async Task<PilotOutcome> WithServerAsync(HarvesterDirectory? harvester, bool ask)
    {
        new CacheDirectory(settings.CacheDirectory).Prepare();
        (IWorkloadManager manager, UpdateSpool spool, PandaClient client) = ReportLink.Connect(settings, time);
        using (client)
        {
            await TellAsync(client, "started");
            try
            {
                MiniPilot pilot = new(settings, limits, time, (job, of, signals) => new JobRun(of, time).RunAsync(job, manager, signals));
                return await pilot.RunAsync(new PilotSource(settings, ask ? manager : null, harvester), ct => JobRun.ResendAsync(client, spool, ct));
            }
            finally
            {
                await TellAsync(client, "finished");
            }
        }
    }

    /// <summary>The worker's state and the node's description: for the server's inventory, so nothing depends on it.</summary>
    private async Task TellAsync(PandaClient client, string status)
    {
        using CancellationTokenSource limit = new(TellingLimit, time);
        string site = settings.Environment.GetValueOrDefault("PILOT_SITENAME") is { Length: > 0 } name ? name : settings.Queue ?? "";
        try
        {
            if (HarvesterWorker.Of(n => settings.Environment.GetValueOrDefault(n)) is { } worker)
            {
                Note(await client.UpdateWorkerStatusAsync(worker, status, _node.HostName, limit.Token));
            }

            if (status == "started" && site.Length > 0)
            {
                WorkerNode node = WorkerNode.Of(_node, site, ProcFile.Text("/", "proc/cpuinfo")) with { Queue = settings.Queue, DiskGigabytes = DiskGigabytes() };
                Note(await client.UpdateWorkerNodeAsync(node, limit.Token));
                foreach (WorkerNodeGpu gpu in WorkerGpus.Find("/", site, _node.HostName))
                {
                    Note(await client.UpdateWorkerNodeGpuAsync(gpu, limit.Token));
                }
            }
        }
        catch (Exception e) when (e is GridWrapperException or OperationCanceledException)
        {
            Note(e.Message);
        }
    }

    private long? DiskGigabytes()
    {
        try
        {
            return new DriveInfo(settings.WorkDirectory).TotalSize / 1_000_000_000;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            Note(e.Message);
            return null;
        }
    }

    private static void Note(string? refused)
    {
        if (refused is not null)
        {
            Log.Info("the server was not told of this worker: {Message}", refused);
        }
    }
}
