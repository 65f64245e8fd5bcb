using GridWrapper.Diagnostics;
using GridWrapper.Outputs;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Staging;

/// <summary>A JSON file, with an entry for each job, in the directory that Harvester and its worker share. It appears whole or not at all, and Harvester takes it away when it has read it.</summary>
internal static class HarvesterFile
{
    /// <summary>The outputs and logs that Harvester is to move.</summary>
    internal const string Outputs = "event_status.dump.json";

    /// <summary>The variable that names the directory.</summary>
    internal const string DirectoryVariable = "HARVESTER_WORKDIR";

    private static readonly RoomLog Log = new(nameof(HarvesterFile));

    /// <summary>Puts an entry in; those of other jobs that Harvester has not taken yet stay.</summary>
    /// <exception cref="IOException">It cannot be written; or another exception of that kind.</exception>
    internal static void Set(string directory, string name, long pandaId, JToken entry)
    {
        string path = Path.Combine(directory, name);
        JObject document = Standing(path);
        document[pandaId.ToString(CultureInfo.InvariantCulture)] = entry;
        string partial = TarPacker.PartialName(path);
        File.WriteAllText(partial, document.ToString(Formatting.None));
        File.Move(partial, path, overwrite: true);
    }

    /// <summary>A file as <see cref="Outputs"/> lists it.</summary>
    /// <param name="type">output or log.</param>
    /// <param name="file">The file, in the job directory.</param>
    internal static JObject Entry(string type, OutputFile file) => new()
    {
        ["type"] = type,
        ["path"] = file.Path,
        ["guid"] = file.Guid,
        ["fsize"] = file.SizeBytes,
        ["chksum"] = file.Adler32,
    };

    private static JObject Standing(string path)
    {
        try
        {
            return File.Exists(path) ? JObject.Parse(File.ReadAllText(path)) : [];
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            Log.Debug("{Path} is written anew: {Message}", path, e.Message);
            return [];
        }
    }
}
