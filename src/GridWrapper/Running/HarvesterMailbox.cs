using GridWrapper.Reporting;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>Harvester in the server's place: updates are left where it reads them, and it passes them on. Jobs are handed down, not asked for.</summary>
internal sealed class HarvesterMailbox(HarvesterDirectory directory) : IWorkloadManager
{
    /// <inheritdoc/>
    public Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct) => Task.FromResult<string?>(null);

    /// <inheritdoc/>
    public Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct)
    {
        JObject attributes = new() { ["jobStatus"] = update.JobStatus };
        foreach (WireField field in UpdateFields.Of(update))
        {
            attributes[field.Legacy ?? field.Name] = JToken.FromObject(field.Value);
        }

        directory.SetAttributes(update.JobId, attributes);
        return Task.FromResult(new UpdateAnswer(true, directory.KillRequested ? ["tobekilled"] : [], ""));
    }
}
