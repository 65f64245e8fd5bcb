using GridWrapper.Linux;

namespace GridWrapper.Outputs;

/// <summary>
/// What lies in a job directory, looked at without ever leaving it: a payload may leave links to anything, among them files of the pilot and a hung /cvmfs.
/// Links to directories are not entered, other file systems are not entered, and a link is followed by hand, part by part, only while it stays inside.
/// </summary>
/// <param name="root">The job directory, absolute.</param>
/// <param name="alias">Where the payload saw it (e.g. /ctrdata): absolute links made inside begin with that.</param>
internal sealed class JobTree(string root, string alias)
{
    private const int MaximumDepth = 32;
    private const int MaximumLinks = 40;
    private const int OwnerAll = 0x1c0;
    private readonly List<string> _unreadable = [];

    /// <summary>Every file and link, nearest to the top first, then by name; directories themselves are not listed.</summary>
    internal IEnumerable<JobFile> Files() => Below("", 0).OrderBy(f => f.Depth).ThenBy(f => f.RelativePath, StringComparer.Ordinal);

    /// <summary>What <see cref="Files"/> could not look at, one sentence each.</summary>
    internal IReadOnlyList<string> Unreadable => _unreadable;

    /// <summary>Where a path below the job directory really ends.</summary>
    /// <param name="relative">Path below the job directory.</param>
    /// <param name="why">Why there is nothing to deliver when null is returned.</param>
    /// <returns>A regular file inside the job directory, or null.</returns>
    internal JobFile? Resolve(string relative, out string why)
    {
        List<string> done = [];
        Stack<string> ahead = new(Parts(relative).Reverse());
        int links = 0;
        while (ahead.TryPop(out string? part))
        {
            string path = string.Join('/', done.Append(part));
            FileIdentity? found = part == ".." ? null : FileIdentity.Of(Full(path));
            bool link = found is { Kind: FileKind.Link };
            links += link ? 1 : 0;
            if (links > MaximumLinks || !(part == ".." ? GoUp(done) : !link || Follow(path, done, ahead)))
            {
                why = links > MaximumLinks ? "its links go round in a circle" : "it is a link that leads out of the job directory";
                return null;
            }

            if (part == ".." || link)
            {
                continue;
            }

            if (found is null || ahead.Count == 0)
            {
                return Last(path, found, links, out why);
            }

            done.Add(part);
        }

        why = "it is the job directory itself or a directory in it";
        return null;
    }

    private JobFile? Last(string path, FileIdentity? found, int links, out string why)
    {
        why = found switch
        {
            null when links > 0 => $"it is a link to \"{path}\", which does not exist",
            null => "it does not exist",
            { Kind: FileKind.Directory } => "it is a directory",
            { Kind: FileKind.Regular } => "",
            _ => "it is neither a file nor a directory",
        };
        return found is { Kind: FileKind.Regular } file ? new JobFile(path, Full(path), file) : null;
    }

    private static IEnumerable<string> Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(p => p != ".");

    private static bool GoUp(List<string> done)
    {
        if (done.Count == 0)
        {
            return false;
        }

        done.RemoveAt(done.Count - 1);
        return true;
    }

    /// <summary>Puts a link's target in front of what is still to be walked; false when it leads outside.</summary>
    private bool Follow(string link, List<string> done, Stack<string> ahead)
    {
        string target = new FileInfo(Full(link)).LinkTarget ?? "";
        string? inside = target;
        if (target.StartsWith('/'))
        {
            inside = Below(target, root) ?? Below(target, alias);
            done.Clear();
        }

        foreach (string part in Parts(inside ?? "").Reverse())
        {
            ahead.Push(part);
        }

        return inside is not null;
    }

    private static string? Below(string path, string directory)
    {
        if (path == directory)
        {
            return "";
        }

        string prefix = directory.EndsWith('/') ? directory : directory + "/";
        return path.StartsWith(prefix, StringComparison.Ordinal) ? path[prefix.Length..] : null;
    }

    private string Full(string relative) => relative.Length == 0 ? root : root + "/" + relative;

    private List<JobFile> Below(string directory, int depth, long? device = null)
    {
        List<JobFile> files = [];
        foreach (string full in Entries(directory, ref device))
        {
            string name = Path.GetFileName(full);
            string relative = directory.Length == 0 ? name : directory + "/" + name;

            // A name that is not UTF-8 does not survive the way through a string and is not found again: it cannot be an output.
            if (FileIdentity.Of(full) is not { } found)
            {
                _unreadable.Add($"\"{relative}\" was passed over: its name is not valid UTF-8, or it vanished");
            }
            else if (found.Kind != FileKind.Directory)
            {
                files.Add(new JobFile(relative, full, found));
            }
            else if (depth < MaximumDepth && found.Device == device)
            {
                files.AddRange(Below(relative, depth + 1, device));
            }
        }

        return files;
    }

    /// <summary>A payload may have taken its own permissions away; the directory is ours, so they are given back before it is read.</summary>
    private string[] Entries(string directory, ref long? device)
    {
        try
        {
            FileIdentity identity = FileIdentity.Of(Full(directory)) ?? throw new DirectoryNotFoundException(Full(directory));
            device ??= identity.Device;
            if ((identity.Permissions & OwnerAll) != OwnerAll)
            {
                File.SetUnixFileMode(Full(directory), (UnixFileMode)(identity.Permissions | OwnerAll));
            }

            return Directory.GetFileSystemEntries(Full(directory));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _unreadable.Add($"the directory \"{directory}\" was not searched: {Diagnostics.FileTrouble.Describe(e)}");
            return [];
        }
    }
}
