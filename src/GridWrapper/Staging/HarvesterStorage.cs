using GridWrapper.Outputs;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Staging;

/// <summary>
/// `harvester://`: nothing is moved. What is delivered to it is listed in event_status.dump.json in Harvester's directory, and Harvester moves it from the job
/// directory.
/// </summary>
internal sealed class HarvesterStorage(StorageContext context) : IStorage
{
    private readonly List<OutputFile> _files = [];
    private string? _directory;

    public Task<string?> RefusalAsync(CancellationToken ct) => Task.FromResult<string?>(null);

    public Task DeliverAsync(OutputFile file, string place, CancellationToken ct)
    {
        string? directory = Path.GetDirectoryName(place) is { Length: > 1 } named ? named : context.Environment.GetValueOrDefault(HarvesterFile.DirectoryVariable);
        if (string.IsNullOrEmpty(directory) || !Directory.Exists(directory))
        {
            throw new StorageException(
                StorageTrouble.Unusable,
                string.IsNullOrEmpty(directory) ? $"harvester:// needs {HarvesterFile.DirectoryVariable}, or a directory in the address" : $"Harvester's directory {directory} is not there");
        }

        _directory = directory;
        _files.Add(file);
        return Task.CompletedTask;
    }

    public Task<FileChecksum?> FetchAsync(string place, string target, CancellationToken ct) =>
        throw new StorageException(StorageTrouble.Unusable, "harvester:// takes outputs and has no inputs");

    /// <summary>Writes the list of what was delivered so far.</summary>
    /// <param name="pandaId">The job.</param>
    /// <param name="logFile">Which of the files is the log.</param>
    /// <returns>False when there is nothing to hand over.</returns>
    /// <exception cref="IOException">It cannot be written; or another exception of that kind.</exception>
    internal bool HandOver(long? pandaId, string? logFile)
    {
        if (_directory is null)
        {
            return false;
        }

        HarvesterFile.Set(_directory, HarvesterFile.Outputs, pandaId ?? 0, new JArray(_files.Select(f => HarvesterFile.Entry(f.Lfn == logFile ? "log" : "output", f))));
        return true;
    }
}
