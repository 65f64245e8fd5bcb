using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Staging;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>What a dry run prints: the decoded job, the facts, the plan, and the launch down to its last operation. Pure.</summary>
internal static class DryRunDocument
{
    internal static JObject Create(DryRun run)
    {
        JObject document = Plan(run.Prepared);
        document.AddFirst(new JProperty("job", run.Job is null
            ? new JObject { ["image"] = run.Prepared.Input.Image.Reference.ToString(), ["command"] = new JArray(run.Command) }
            : Job(run.Job, run.Command)));
        document["launch"] = run.Launch is null ? null : Launch(run.Launch);
        document["storage"] = run.Storage is null ? null : Storage(run.Storage);
        document["warnings"] = new JArray(run.Warnings);
        return document;
    }

    internal static JObject Plan(Prepared prepared) => new()
    {
        ["site"] = prepared.Input.Site.Name,
        ["host"] = HostFactsReport.Json(prepared.Input.Host),
        ["image"] = ResultDocument.Image(prepared.Input.Image, null, prepared.Plan),
        ["plan"] = ResultDocument.Plan(prepared.Plan),
    };

    /// <summary>What `plan --json` prints.</summary>
    internal static JObject Plan(Prepared prepared, ImmutableArray<Finding> findings)
    {
        JObject document = Plan(prepared);
        document["preflight"] = ResultDocument.Describe(findings);
        return document;
    }

    internal static JObject Storage(StoragePlan plan) => new()
    {
        ["inputs"] = new JArray(plan.Inputs.Select(i => new JObject { ["lfn"] = i.Lfn, ["from"] = new JArray(i.Places) })),
        ["outputs"] = new JArray(plan.Outputs.Select(o => new JObject { ["lfn"] = o.Lfn, ["to"] = new JArray(o.Places) })),
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
        ["inside"] = launch.Inside is { } inside
            ? new JObject { ["argv"] = new JArray(inside.Argv), ["env"] = new JObject(inside.Environment.Select(e => new JProperty(e.Key, e.Value))), ["cwd"] = inside.WorkingDirectory }
            : null,
        ["uidMap"] = new JArray(launch.UidMap),
        ["gidMap"] = new JArray(launch.GidMap),
        ["operations"] = new JArray(launch.Operations.Select(o =>
            new JObject { ["op"] = o.Op, ["source"] = o.Source, ["target"] = o.Target, ["options"] = o.Options })),
    };
}
