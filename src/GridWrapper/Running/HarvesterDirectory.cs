using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>
/// The directory that Harvester and its worker share ($HARVESTER_WORKDIR): jobs come down in it, and what is known of them, their outputs and the wish to end go
/// through it. Every file is written under another name and renamed, because Harvester reads while we write.
/// </summary>
internal sealed class HarvesterDirectory(string path)
{
    private static readonly ImmutableArray<string> JobFiles = ["pandaJobData.out", "HPCJobs.json"];
    private static readonly RoomLog Log = new(nameof(HarvesterDirectory));

    internal string Path => path;

    /// <summary>Harvester wants the worker's end.</summary>
    internal bool KillRequested => File.Exists(In("kill_worker"));

    /// <summary>A file with jobs lies there.</summary>
    internal bool HasJobs => JobFiles.Select(In).Any(File.Exists);

    /// <summary>Null where there is no such directory.</summary>
    internal static HarvesterDirectory? Of(IReadOnlyDictionary<string, string> environment) =>
        environment.GetValueOrDefault("HARVESTER_WORKDIR") is { Length: > 0 } path && Directory.Exists(path) ? new HarvesterDirectory(System.IO.Path.GetFullPath(path)) : null;

    /// <summary>The jobs that were handed down, each once: the file is removed, as the pilot does. None where there is no file.</summary>
    /// <exception cref="GridWrapperException">The file cannot be read.</exception>
    internal async Task<ImmutableArray<JobReadResult>> TakeJobsAsync(RunSettings settings, CancellationToken ct)
    {
        foreach (string file in JobFiles.Select(In).Where(File.Exists))
        {
            JobReadResult first = await JobSource.ReadAsync(file, settings, ct);
            byte[] content = await File.ReadAllBytesAsync(file, ct);
            File.Delete(file);
            ImmutableArray<long> ids = JobReader.Numbers(content);
            Log.Info("{File} holds the jobs {Ids}", file, string.Join(", ", ids));
            return ids.Length > 1
                ? [.. ids.Select(id => JobReader.FromDocument(content, JobSource.Options(settings) with { PandaId = id }))]
                : [first];
        }

        return [];
    }

    /// <summary>event_status.dump.json: the outputs and the log of the job, for Harvester to stage out. Entries that it has not taken yet are kept.</summary>
    internal void AddOutputs(JobOutcome outcome)
    {
        if (outcome.PandaId is not { } id)
        {
            return;
        }

        JArray files = [.. outcome.Failure is null && outcome.Image?.Result is { ExitCode: 0 } ? outcome.Outputs.Files.Select(static f => Entry("output", f)) : []];
        if (outcome.Log is { } log)
        {
            files.Add(Entry("log", log));
        }

        JObject document = Standing("event_status.dump.json");
        document[id.ToString(CultureInfo.InvariantCulture)] = files;
        Write("event_status.dump.json", document);
    }

    /// <summary>worker_attributes.json: the state of each job, for Harvester to pass on.</summary>
    internal void SetAttributes(long pandaId, JObject attributes)
    {
        JObject document = Standing("worker_attributes.json");
        document[pandaId.ToString(CultureInfo.InvariantCulture)] = attributes;
        Write("worker_attributes.json", document);
    }

    private static JObject Entry(string type, OutputFile file) => new()
    {
        ["type"] = type,
        ["path"] = file.Path,
        ["guid"] = file.Guid,
        ["fsize"] = file.SizeBytes,
        ["chksum"] = file.Adler32,
    };

    private JObject Standing(string name)
    {
        try
        {
            return File.Exists(In(name)) ? JObject.Parse(File.ReadAllText(In(name))) : [];
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            // Harvester takes the file away when it has read it.
            Log.Debug("{Name} is written anew: {Message}", name, e.Message);
            return [];
        }
    }

    private void Write(string name, JObject document)
    {
        try
        {
            string partial = In(name + ".tmp");
            File.WriteAllText(partial, document.ToString(Formatting.None));
            File.Move(partial, In(name), overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Error("{Name} cannot be written for Harvester: {Message}", name, FileTrouble.Describe(e));
        }
    }

    private string In(string name) => System.IO.Path.Combine(path, name);
}
