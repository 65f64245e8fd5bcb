using GridWrapper.Diagnostics;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>The calls about the worker that runs jobs, about several jobs at once, and about credentials.</summary>
internal sealed partial class PandaClient
{
    /// <summary>A client whose final updates are tried as shortly as any other: for what is in the spool anyway and will be sent another time.</summary>
    internal IWorkloadManager Briefly => new Brief(this);

    /// <summary>
    /// Several updates in one call, answered in the same order. What the call does not settle (a server that does not know it, one that broke it off, an item
    /// that it did not take) is sent by itself: an update that the server has already is answered so and does no harm.
    /// </summary>
    internal async Task<ImmutableArray<UpdateAnswer>> UpdateJobsAsync(ImmutableArray<JobUpdate> updates, CancellationToken ct)
    {
        IReadOnlyList<IReadOnlyList<WireField>> items = [.. updates.Select(u => (IReadOnlyList<WireField>)[.. UpdateFields.Of(u).Where(f => !_unknown.ContainsKey(f.Name))])];
        WireField[] fields = [new WireField("job_list", null, items)];
        ServerOutcome outcome = await AskAsync(PandaMethod.UpdateJobsBulk, fields, ct);
        JArray? answers = (outcome as ServerOutcome.Done)?.Data as JArray;
        List<UpdateAnswer> result = [];
        foreach ((JobUpdate update, int at) in updates.Select(static (u, i) => (u, i)))
        {
            bool settled = answers?.Count == updates.Length && ServerAnswer.ReadV1(200, answers[at].ToString(Newtonsoft.Json.Formatting.None)) is ServerOutcome.Done;
            result.Add(settled ? new UpdateAnswer(true, ServerAnswer.Commands(answers![at]["data"]), "")
                : outcome is ServerOutcome.Again ? new UpdateAnswer(false, [], Detail(outcome))
                : await UpdateAsync(update, _retries.Times(ShortTries), ct));
        }

        return [.. result];
    }

    /// <summary>Harvester's worker begins or ends.</summary>
    /// <param name="worker">Harvester's numbers.</param>
    /// <param name="status">"started" or "finished".</param>
    /// <param name="node">Host name.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <returns>Null when it was accepted, else why not: nothing depends on it.</returns>
    internal Task<string?> UpdateWorkerStatusAsync(HarvesterWorker worker, string status, string node, CancellationToken ct)
    {
        WireFields fields = new();
        fields.Integer("worker_id", "workerID", worker.WorkerId);
        fields.Text("harvester_id", "harvesterID", worker.HarvesterId);
        fields.Text("status", "status", status);
        fields.Text("node_id", "node_id", node);
        return TellAsync(PandaMethod.UpdateWorkerStatus, fields, ct);
    }

    /// <summary>What the node is.</summary>
    /// <returns>As above.</returns>
    internal Task<string?> UpdateWorkerNodeAsync(WorkerNode node, CancellationToken ct) => TellAsync(PandaMethod.UpdateWorkerNode, node.Fields(), ct);

    /// <summary>One kind of GPU of the node.</summary>
    /// <returns>As above.</returns>
    internal Task<string?> UpdateWorkerNodeGpuAsync(WorkerNodeGpu gpu, CancellationToken ct) => TellAsync(PandaMethod.UpdateWorkerNodeGpu, gpu.Fields(), ct);

    /// <summary>A fresh bearer token for a client name, by the key that the site gave out.</summary>
    /// <exception cref="GridWrapperException">There is none for us.</exception>
    internal Task<string> GetAccessTokenAsync(string clientName, string? tokenKey, CancellationToken ct) =>
        CredentialAsync(PandaMethod.GetAccessToken, [new WireField("client_name", "client_name", clientName), .. Optional("token_key", tokenKey)], "user_proxy", ct);

    /// <summary>A user's X.509 proxy, as PEM.</summary>
    /// <exception cref="GridWrapperException">There is none for us.</exception>
    internal Task<string> GetProxyAsync(string? role, string? dn, CancellationToken ct) =>
        CredentialAsync(PandaMethod.GetProxy, [.. Optional("role", role), .. Optional("dn", dn)], "user_proxy", ct);

    /// <summary>The key by which tokens of a client name may be had.</summary>
    /// <exception cref="GridWrapperException">There is none for us.</exception>
    internal Task<string> GetTokenKeyAsync(string clientName, CancellationToken ct) =>
        CredentialAsync(PandaMethod.GetTokenKey, [new WireField("client_name", "client_name", clientName)], "tokenKey", ct);

    private static WireField[] Optional(string name, string? value) => value is null ? [] : [new WireField(name, name, value)];

    private async Task<string?> TellAsync(PandaMethod method, WireFields fields, CancellationToken ct)
    {
        ServerOutcome outcome = await _retries.Times(ShortTries).ExecuteAsync(async token => await AskAsync(method, fields.List, token), ct);
        return outcome is ServerOutcome.Done ? null : Detail(outcome);
    }

    private async Task<string> CredentialAsync(PandaMethod method, WireField[] fields, string member, CancellationToken ct)
    {
        ServerOutcome outcome = await _retries.Times(ShortTries).ExecuteAsync(async token => await AskAsync(method, fields, token), ct);
        string? text = outcome is ServerOutcome.Done { Data: JObject data } ? (string?)data[member] ?? (string?)data["userProxy"] ?? (string?)data["access_token"] : null;

        // The transport hides our own token wherever it appears, here as well: it is still the one to be used.
        return text is "***" && _options.Credentials.Token is { } same ? same.Read()
            : text is { Length: > 0 } ? text
            : throw CredentialFault.Of(method.Name.Replace('_', '-'), outcome is ServerOutcome.Done
                ? $"the answer of {Server} to {method.Name} holds no {member}"
                : $"{Server} gives no credentials by {method.Name}: {Detail(outcome)}");
    }

    private sealed class Brief(PandaClient client) : IWorkloadManager
    {
        public Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct) => client.AcquireJobAsync(request, ct);

        public Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct) => client.UpdateAsync(update, client._retries.Times(ShortTries), ct);

        public Task<ImmutableArray<UpdateAnswer>> UpdateJobsAsync(ImmutableArray<JobUpdate> updates, CancellationToken ct) => client.UpdateJobsAsync(updates, ct);
    }
}
