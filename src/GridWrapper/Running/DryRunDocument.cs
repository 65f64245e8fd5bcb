using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Probing;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>What a dry run prints: the decoded job, the facts, the plan, and the launch down to its last operation. Pure.</summary>
internal static class DryRunDocument
{
    /// <param name="job">Null for `exec`.</param>
    /// <param name="command">The argv that will run.</param>
    /// <param name="prepared">The plan.</param>
    /// <param name="launch">Null where nothing is usable.</param>
    internal static JObject Create(JobRequest? job, ImmutableArray<string> command, Prepared prepared, LaunchSpec? launch) => new()
    {
        ["job"] = job is null ? new JObject { ["image"] = prepared.Input.Image.Reference.ToString(), ["command"] = new JArray(command) } : Job(job, command),
        ["site"] = prepared.Input.Site.Name,
        ["host"] = HostFactsReport.ToJson(prepared.Input.Host),
        ["image"] = ResultDocument.Image(prepared.Input.Image, null, prepared.Plan),
        ["plan"] = ResultDocument.Plan(prepared.Plan),
        ["launch"] = launch is null ? null : Launch(launch),
    };

    internal static JObject Job(JobRequest job, ImmutableArray<string> command) => new()
    {
        ["image"] = job.Image.ToString(),
        ["command"] = new JArray(command),
        ["exec"] = job.Exec,
        ["sandbox"] = job.Sandbox is { } sandbox ? new JObject { ["url"] = sandbox.Url?.OriginalString, ["file"] = sandbox.File } : null,
        ["inputs"] = new JArray(job.Inputs),
        ["inMap"] = new JObject(job.InMap.Select(s => new JProperty(s.Name, new JArray(s.Files)))),
        ["outputs"] = new JArray(job.Outputs.Select(o => new JObject { ["name"] = o.Name, ["lfn"] = o.Lfn, ["kind"] = ResultDocument.Lower(o.Kind) })),
        ["dataDirectory"] = job.DataDirectory,
        ["workDirectory"] = job.WorkDirectory,
        ["pandaId"] = job.PandaId,
        ["taskId"] = job.TaskId,
        ["attempt"] = job.Attempt,
    };

    internal static JObject Launch(LaunchSpec launch) => new()
    {
        ["launcher"] = launch.Launcher,
        ["argv"] = new JArray(launch.Argv),
        ["env"] = new JObject(launch.Environment.Select(e => new JProperty(e.Key, e.Value))),
        ["cwd"] = launch.WorkingDirectory,
        ["uidMap"] = new JArray(launch.UidMap),
        ["gidMap"] = new JArray(launch.GidMap),
        ["operations"] = new JArray(launch.Operations.Select(o =>
            new JObject { ["op"] = o.Op, ["source"] = o.Source, ["target"] = o.Target, ["options"] = o.Options })),
    };
}
