using GridWrapper.Diagnostics;
using GridWrapper.Jobs;

namespace GridWrapper.Outputs;

/// <summary>The state of one collecting run: what the job directory holds, what is already spoken for, what was found and what was not.</summary>
internal sealed class Collection
{
    private readonly string _directory;
    private readonly HashSet<string> _ignored;
    private readonly HashSet<string> _claimed = new(StringComparer.Ordinal);
    private readonly ImmutableArray<JobFile> _all;
    private readonly List<OutputFile> _files = [];
    private readonly List<string> _missing = [];
    private readonly List<string> _allowed = [];
    private readonly List<OutputFault> _faults = [];
    private readonly List<string> _notes = [];

    internal Collection(string directory, JobRequest job)
    {
        _directory = directory;
        Job = job;
        _ignored = JobDirectoryNames.Ignored(job);
        Tree = new JobTree(directory, job.DataDirectory);
        _all = [.. Tree.Files().Where(f => !TarPacker.IsPartial(f.Name))];
        _notes.AddRange(Tree.Unreadable);
    }

    internal JobRequest Job { get; }

    internal JobTree Tree { get; }

    internal string PathOf(string name) => _directory + "/" + name;

    /// <summary>Files that were neither brought for the payload, nor written by us, nor taken by an earlier output.</summary>
    internal IEnumerable<JobFile> Unclaimed() => _all.Where(f => !_ignored.Contains(f.Name) && !_claimed.Contains(f.FullPath));

    internal void Claim(JobFile file, string lfn)
    {
        _claimed.Add(file.FullPath);
        _claimed.Add(PathOf(lfn));
    }

    /// <summary>Files for a wildcard output, with their names in the tar: those whose own name matches, or that of a directory above them; with a '/' in the pattern, whole paths.</summary>
    internal List<(string Name, JobFile File)> Matching(OutputSpec output)
    {
        List<(string, JobFile)> matches = [];
        foreach (JobFile file in Unclaimed().Where(f => Matches(output.Name, f.RelativePath)).OrderBy(f => f.RelativePath, StringComparer.Ordinal))
        {
            if (Tree.Resolve(file.RelativePath, out string why) is { } content && !JobDirectoryNames.Secret.Contains(content.Name))
            {
                matches.Add((file.RelativePath, content));
            }
            else
            {
                _notes.Add($"\"{file.RelativePath}\" matches \"{output.Name}\" but was left out: {(why.Length > 0 ? why : "it leads to credentials")}");
            }
        }

        return matches;
    }

    internal void Add(OutputFile file)
    {
        _files.Add(file);
        _claimed.Add(file.Path);
        if (file.SizeBytes == 0)
        {
            _faults.Add(new OutputFault(file.Lfn, PilotError.ZeroFileSize, $"the output \"{file.Lfn}\" (\"{file.Name}\") is empty"));
        }
    }

    internal void Absent(OutputSpec output, string why)
    {
        if (Job.AllowNoOutput.Contains(output.Lfn))
        {
            _allowed.Add(output.Lfn);
            return;
        }

        string what = output.Kind == OutputKind.File ? "" : "pattern ";
        _missing.Add(output.Lfn);
        _faults.Add(new OutputFault(output.Lfn, PilotError.MissingOutputFile, $"the payload did not produce the output \"{output.Lfn}\": {what}\"{output.Name}\": {why}"));
    }

    /// <summary>It is there, but it cannot be delivered: missing for the workload manager, with its own reason.</summary>
    internal void Undeliverable(OutputSpec output, string message)
    {
        _missing.Add(output.Lfn);
        _faults.Add(new OutputFault(output.Lfn, PilotError.StageOutFailed, message));
    }

    internal void Bad(string name, int pilotErrorCode, string message)
    {
        _missing.Add(name);
        _faults.Add(new OutputFault(name, pilotErrorCode, message));
    }

    internal OutputSet ToSet() => new()
    {
        Files = [.. _files],
        Missing = [.. _missing],
        AbsentButAllowed = [.. _allowed],
        Faults = [.. _faults],
        Notes = [.. _notes],
    };

    private static bool Matches(string pattern, string path)
    {
        string wanted = pattern.StartsWith("./", StringComparison.Ordinal) ? pattern[2..] : pattern;
        return wanted.Contains('/', StringComparison.Ordinal)
            ? FilePattern.MatchesPath(wanted, path)
            : path.Split('/').Any(part => FilePattern.MatchesName(wanted, part));
    }
}
