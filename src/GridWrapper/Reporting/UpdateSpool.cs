using GridWrapper.Diagnostics;
using GridWrapper.Linux;
using Newtonsoft.Json;

namespace GridWrapper.Reporting;

/// <summary>
/// Final updates that are not delivered yet, one JSON file each in a private directory of the cache. An update is written before it is first tried, so
/// that a wrapper that is killed while it waits for the server loses nothing. Who wants to send an entry renames it (NAME.json → NAME.claim,
/// which only one process can do) and holds a lock on it; the lock of a process that died is free again, and its claim is taken back.
/// </summary>
internal sealed class UpdateSpool
{
    /// <summary>An update older than this is dropped: the server has long declared the job lost.</summary>
    internal static readonly TimeSpan AgeLimit = TimeSpan.FromDays(7);

    /// <summary>Updates in one call: some hundred kB at most.</summary>
    private const int BatchSize = 20;

    private const string Free = ".json";
    private const string Claimed = ".claim";
    private const UnixFileMode PrivateDirectory = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly RoomLog Log = new(nameof(UpdateSpool));

    private readonly string _directory;
    private readonly string _server;
    private readonly TimeProvider _time;

    /// <param name="directory">Made on first use, mode 0700.</param>
    /// <param name="server">The server that this spool's owner talks to; entries for others are kept for them.</param>
    /// <param name="time">For ages and names.</param>
    internal UpdateSpool(string directory, string server, TimeProvider time)
    {
        _directory = directory;
        _server = server;
        _time = time;
    }

    /// <summary>The spool's place below a cache directory.</summary>
    internal static string DirectoryIn(string cacheDirectory) => Path.Combine(cacheDirectory, "spool");

    /// <summary>Writes the update and holds it until it is delivered or the hold is disposed.</summary>
    /// <exception cref="IOException">The spool cannot be written.</exception>
    internal SpoolHold Hold(JobUpdate update)
    {
        DateTimeOffset now = _time.GetUtcNow();
        _ = Directory.CreateDirectory(_directory, PrivateDirectory);
        string stem = $"{now:yyyyMMdd'T'HHmmssfff}-{update.JobId.ToString(CultureInfo.InvariantCulture)}-{Guid.NewGuid():N}";
        string path = Path.Combine(_directory, stem);
        string text = SpoolDocument.Write(_server, now, update);

        // Written under a name that nobody reads, then renamed: an entry is either whole or not there.
        string unfinished = path + ".part";
        FileStream file = new(unfinished, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            UnixCreateMode = PrivateFile,
        });
        try
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
            File.Move(unfinished, path + Claimed);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        return new SpoolHold(file, path + Claimed, path + Free);
    }

    /// <summary>What waits, for any server, oldest first; entries that somebody is just sending are not among them.</summary>
    internal ImmutableArray<SpooledUpdate> List()
    {
        TakeBack();
        return [.. Names(Free).Select(Read).OfType<SpooledUpdate>()];
    }

    /// <summary>Sends what waits for this server, oldest first and many at a time, and stops where one cannot be delivered: the server is still away.</summary>
    /// <param name="manager">The server itself, without a spool before it: what is sent here is in the spool already.</param>
    /// <param name="ct">Ends it; what is not delivered then stays.</param>
    /// <returns>How many were delivered.</returns>
    internal async Task<int> ResendAsync(IWorkloadManager manager, CancellationToken ct)
    {
        int delivered = 0;
        foreach (SpooledUpdate[] batch in Waiting().Chunk(BatchSize))
        {
            (int sent, bool all) = await SendAsync(manager, batch, ct);
            delivered += sent;
            if (!all)
            {
                break;
            }
        }

        return delivered;
    }

    /// <summary>What is for this server and not too old; what is too old is removed.</summary>
    private List<SpooledUpdate> Waiting()
    {
        List<SpooledUpdate> waiting = [];
        foreach (SpooledUpdate entry in List())
        {
            if (_time.GetUtcNow() - entry.Written > AgeLimit)
            {
                Log.Warn("the {Status} update of job {PandaId} was never delivered and is dropped after {Days} days", entry.Update.JobStatus, entry.Update.JobId, AgeLimit.Days);
                File.Delete(entry.Path);
            }
            else if (entry.Server == _server)
            {
                waiting.Add(entry);
            }
        }

        return waiting;
    }

    private static async Task<(int Sent, bool All)> SendAsync(IWorkloadManager manager, SpooledUpdate[] batch, CancellationToken ct)
    {
        List<(SpooledUpdate Entry, SpoolHold Hold)> held = [];
        try
        {
            foreach (SpooledUpdate entry in batch)
            {
                if (Claim(entry.Path) is { } hold)
                {
                    held.Add((entry, hold));
                }
            }

            ImmutableArray<UpdateAnswer> answers = held switch
            {
                [] => [],
                [var (only, _)] => [await manager.UpdateJobAsync(only.Update, ct)],
                _ => await manager.UpdateJobsAsync([.. held.Select(static h => h.Entry.Update)], ct),
            };
            foreach (((SpooledUpdate entry, SpoolHold hold), _) in held.Zip(answers).Where(static pair => pair.Second.Accepted))
            {
                hold.Delivered();
                Log.Info("delivered the {Status} update of job {PandaId} of {Written}", entry.Update.JobStatus, entry.Update.JobId, entry.Written);
            }

            return (answers.Count(static a => a.Accepted), answers.All(static a => a.Accepted));
        }
        finally
        {
            held.ForEach(static h => h.Hold.Dispose());
        }
    }

    /// <summary>Renames to claim; null if another process was faster.</summary>
    private static SpoolHold? Claim(string path)
    {
        string claimed = Path.ChangeExtension(path, Claimed);
        try
        {
            // With "overwrite" it is one rename: without, the runtime links and unlinks, and for a moment both names are there.
            File.Move(path, claimed, overwrite: true);
            return new SpoolHold(new FileStream(claimed, FileMode.Open, FileAccess.ReadWrite, FileShare.None), claimed, path);
        }
        catch (IOException)
        {
            // Gone or locked: somebody else has it.
            return null;
        }
    }

    /// <summary>Frees the claims of processes that died, which is seen by their lock being free.</summary>
    private void TakeBack()
    {
        foreach (string claimed in Names(Claimed))
        {
            try
            {
                using FileStream locked = new(claimed, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                File.Move(claimed, Path.ChangeExtension(claimed, Free), overwrite: true);
            }
            catch (IOException)
            {
                // Still being sent, or just delivered.
                continue;
            }
        }
    }

    /// <summary>Names begin with the time of writing, so their order is by age.</summary>
    private string[] Names(string extension)
    {
        if (!Directory.Exists(_directory))
        {
            return [];
        }

        string[] names = Directory.GetFiles(_directory, "*" + extension);
        Array.Sort(names, StringComparer.Ordinal);
        return names;
    }

    private static SpooledUpdate? Read(string path)
    {
        try
        {
            // Not by File: it would take a shared lock, and who claims the entry meanwhile would take it for somebody else's.
            return SmallFile.Text(path) is { } text ? SpoolDocument.Read(path, text) : null;
        }
        catch (Exception e) when (e is IOException or JsonException or FormatException or ArgumentException or OverflowException)
        {
            Log.Warn("the spool entry {Path} is not readable and is left alone: {Message}", path, e.Message);
            return null;
        }
    }
}
