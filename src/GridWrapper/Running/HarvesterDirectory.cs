using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;
using GridWrapper.Staging;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>
/// The directory that Harvester and its worker share ($HARVESTER_WORKDIR): jobs come down in it, and what is known of them, their outputs and the wish to end go
/// through it.
/// </summary>
internal sealed class HarvesterDirectory(string path)
{
    private static readonly ImmutableArray<string> JobFiles = ["pandaJobData.out", "HPCJobs.json"];
    private const string RequestFile = "worker_requestjob.json";
    private static readonly RoomLog Log = new(nameof(HarvesterDirectory));

    internal string Path => path;

    /// <summary>Harvester wants the worker's end.</summary>
    internal bool KillRequested => File.Exists(In("kill_worker"));

    /// <summary>A file with jobs lies there.</summary>
    internal bool HasJobs => JobFiles.Select(In).Any(File.Exists);

    /// <summary>Null where there is no such directory.</summary>
    internal static HarvesterDirectory? Of(IReadOnlyDictionary<string, string> environment) =>
        environment.GetValueOrDefault(HarvesterFile.DirectoryVariable) is { Length: > 0 } path && Directory.Exists(path) ? new HarvesterDirectory(System.IO.Path.GetFullPath(path)) : null;

    /// <summary>The jobs that were handed down, each once: the file is removed, as the pilot does. None where there is no file.</summary>
    /// <exception cref="GridWrapperException">The file cannot be read.</exception>
    internal async Task<ImmutableArray<JobReadResult>> TakeJobsAsync(RunSettings settings, CancellationToken ct)
    {
        foreach (string file in JobFiles.Select(In).Where(File.Exists))
        {
            byte[] content = await JobSource.ContentAsync(file, ct);
            JobReadResult first = JobSource.Read(content, settings);
            File.Delete(file);
            ImmutableArray<long> ids = JobReader.Numbers(content);
            Log.Info("{File} holds the jobs {Ids}", file, string.Join(", ", ids));
            return ids.Length > 1
                ? [.. ids.Select(id => JobReader.FromDocument(content, JobSource.Options(settings) with { PandaId = id }))]
                : [first];
        }

        return [];
    }

    /// <summary>The outputs and the log of the job, for Harvester to stage out: those that were not delivered already.</summary>
    internal void AddOutputs(JobOutcome outcome)
    {
        if (outcome.PandaId is not { } id || outcome.HandedOver)
        {
            return;
        }

        IEnumerable<JObject> outputs = outcome.Failure is null && outcome.Image?.Result is { ExitCode: 0 }
            ? outcome.Outputs.Files.Where(static f => f.Url is null).Select(static f => HarvesterFile.Entry("output", f))
            : [];
        Set(HarvesterFile.Outputs, id, new JArray(outputs.Concat(outcome.Log is { Url: null } log ? [HarvesterFile.Entry("log", log)] : [])));
    }

    /// <summary>worker_attributes.json: the state of each job, for Harvester to pass on.</summary>
    internal void SetAttributes(long pandaId, JObject attributes) => Set("worker_attributes.json", pandaId, attributes);

    /// <summary>worker_requestjob.json: so many jobs are wanted.</summary>
    internal void RequestJobs(int count)
    {
        if (File.Exists(In(RequestFile)))
        {
            return;
        }

        try
        {
            string partial = TarPacker.PartialName(In(RequestFile));
            File.WriteAllText(partial, new JObject { ["nJobs"] = count }.ToString(Formatting.None));
            File.Move(partial, In(RequestFile), overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Error("{Name} cannot be written for Harvester: {Message}", RequestFile, FileTrouble.Describe(e));
        }
    }

    /// <summary>Nothing more is wanted, or it has come.</summary>
    internal void WithdrawRequest()
    {
        try
        {
            File.Delete(In(RequestFile));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Warn("{Name} cannot be withdrawn: {Message}", RequestFile, FileTrouble.Describe(e));
        }
    }

    private void Set(string name, long pandaId, JToken entry)
    {
        try
        {
            HarvesterFile.Set(path, name, pandaId, entry);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Error("{Name} cannot be written for Harvester: {Message}", name, FileTrouble.Describe(e));
        }
    }

    private string In(string name) => System.IO.Path.Combine(path, name);
}
