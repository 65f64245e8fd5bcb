using System.Diagnostics;
using System.Security.Cryptography;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>
/// The world of one ordinary user without a home: a job directory, a cache and a directory for temporary files of its own. The user has a uid that nobody
/// else has, so that whatever it leaves behind, anywhere, is found.
/// </summary>
internal sealed class Area
{
    internal Area(int? uid = null)
    {
        Uid = uid ?? RandomNumberGenerator.GetInt32(100_000, 2_000_000_000);
        Root = Path.Combine(Testbed.Base, "area-" + Guid.NewGuid().ToString("N")[..12]);
        foreach (string directory in (string[])[JobDirectory, Cache, Temporary])
        {
            Directory.CreateDirectory(directory);
            Own(directory);
        }
    }

    internal int Uid { get; }

    internal string Root { get; }

    private bool HasOwnUid => Uid > 99_999;

    internal string JobDirectory => Path.Combine(Root, "job");

    internal string Cache => Path.Combine(Root, "cache");

    internal string Temporary => Path.Combine(Root, "tmp");

    /// <summary>What the run finds in its environment beside PATH, TMPDIR and GRIDWRAP_CACHE; an empty value removes one of these.</summary>
    internal Dictionary<string, string> Variables { get; } = [];

    /// <summary>The path by which the published file is called.</summary>
    internal string Program { get; init; } = Testbed.Program;

    /// <summary>A command that enters another world and executes what follows as this area's user there; null: setpriv on this machine.</summary>
    internal string[]? Entrance { get; set; }

    internal JObject Result => ReadJson("gridwrap-result.json");

    /// <summary>Mounts of this machine at or below a path.</summary>
    internal static string[] Mounts(string path) =>
        [.. File.ReadAllLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4]).Where(p => p == path || p.StartsWith(path + "/", StringComparison.Ordinal))];

    internal string JobFile(string name) => Path.Combine(JobDirectory, name);

    internal string ReadText(string name) => File.ReadAllText(JobFile(name));

    internal JObject ReadJson(string name) => JObject.Parse(ReadText(name));

    /// <summary>Writes a file that the user can read.</summary>
    internal string Write(string name, string content)
    {
        string path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    internal void Own(string path) => Tool.Run("/bin/chown", "-R", $"{Uid}:{Uid}", path);

    internal Task<Outcome> RunAsync(CancellationToken ct, params string[] arguments) => RunWithInputAsync(null, ct, arguments);

    internal async Task<Outcome> RunWithInputAsync(string? input, CancellationToken ct, params string[] arguments)
    {
        using StartedRun run = Start(input, arguments);
        return await run.EndAsync(ct);
    }

    internal StartedRun Start(string? input, params string[] arguments)
    {
        string id = Uid.ToString(CultureInfo.InvariantCulture);
        string[] entrance = Entrance ?? ["/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"];
        ProcessStartInfo start = new(entrance[0], [.. entrance[1..], "/usr/bin/env", "-i", .. Environment(), Program, .. arguments]) { WorkingDirectory = JobDirectory };
        return new StartedRun(start, input);
    }

    /// <summary>Processes, mounts, scratch directories and files outside the job directory and the cache that the user's runs left behind.</summary>
    internal async Task<string[]> LeftoversAsync()
    {
        List<string> found = [];
        for (int attempt = 0; attempt < 40; attempt++)
        {
            // What was killed needs a moment to go.
            found = [.. Processes(), .. Mounts(Root)];
            if (found.Count == 0)
            {
                break;
            }

            await Task.Delay(100);
        }

        found.AddRange(Entries(Path.Combine(Cache, "scratch")).Concat(Entries(Path.Combine(Cache, "store-1/tmp"))));
        string[] places = HasOwnUid ? [Root, .. ((string[])["/tmp", "/var/tmp", "/dev/shm", "/run"]).Where(Directory.Exists)] : [Root];
        string search = $"find \"$@\" -xdev -maxdepth 4 \\( -path \"$0/job\" -o -path \"$0/cache\" -o -path \"$0/tmp\" \\) -prune -o -uid {Uid} -print 2>/dev/null; true";
        string written = await Tool.RunAsync("/bin/sh", ["-c", search, Root, .. places]);
        found.AddRange(written.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        found.AddRange(Entries(Temporary));
        return [.. found];
    }

    private static string[] Entries(string directory) => Directory.Exists(directory) ? Directory.GetFileSystemEntries(directory) : [];

    private IEnumerable<string> Environment() => Variables
        .Append(new KeyValuePair<string, string>("GRIDWRAP_CACHE", Cache))
        .Append(new KeyValuePair<string, string>("PATH", "/usr/local/bin:/usr/bin:/bin"))
        .Append(new KeyValuePair<string, string>("TMPDIR", Temporary))
        .DistinctBy(v => v.Key)
        .Where(v => v.Value.Length > 0)
        .Select(v => $"{v.Key}={v.Value}");

    /// <summary>Processes of the user; those of a uid that others use too only when they have to do with this area.</summary>
    private IEnumerable<string> Processes()
    {
        foreach (string directory in Directory.GetDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])))
        {
            string? line = null;
            try
            {
                string uid = File.ReadLines(directory + "/status").First(l => l.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[1];
                string command = File.ReadAllText(directory + "/cmdline").Replace('\0', ' ');
                if (uid == Uid.ToString(CultureInfo.InvariantCulture) && (HasOwnUid || command.Contains(Root, StringComparison.Ordinal)))
                {
                    line = $"process {Path.GetFileName(directory)}: {command}";
                }
            }
            catch (Exception e) when (e is IOException or InvalidOperationException)
            {
                // It has ended meanwhile.
                continue;
            }

            if (line is not null)
            {
                yield return line;
            }
        }
    }
}
