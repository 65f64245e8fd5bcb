using GridWrapper.Diagnostics;
using GridWrapper.Linux;
using GridWrapper.Sites;

namespace GridWrapper.Probing;

/// <summary>
/// Finds Apptainer or Singularity: the profile's programs, then PATH, then programs in CVMFS. Only places on local file systems are looked at from here;
/// entries of PATH elsewhere and CVMFS programs are left to disposable children. This program itself, called through a link named apptainer, is no runtime.
/// </summary>
internal sealed class RuntimeProbe(IProbeChildren children, IReadOnlyDictionary<string, string> environment, MountInfo mounts)
{
    /// <summary>Stands in the version that this program tells by Apptainer's name: a copy of it is no runtime either.</summary>
    internal const string FaceMark = "gridwrap";

    private static readonly RoomLog Log = new(nameof(RuntimeProbe));

    private static readonly string[] Names = ["apptainer", "singularity"];

    private static readonly TimeSpan VersionDeadline = TimeSpan.FromSeconds(10);

    /// <summary>Making a container with a cold cache of the runtime's own files, on a loaded node.</summary>
    private static readonly TimeSpan TrialDeadline = TimeSpan.FromSeconds(20);

    /// <param name="site">Whose rules hold.</param>
    /// <param name="cvmfs">States of the repositories that CVMFS programs lie in; those that are not usable are not touched.</param>
    /// <param name="trialDirectory">
    /// Beginning of the name of a directory for a tiny root filesystem in which each runtime is really tried; null to believe its version line.
    /// </param>
    /// <param name="ct">Gives up.</param>
    internal async Task<Fact<ImmutableArray<RuntimeFacts>>> ProbeAsync(
        SiteProfile site, Task<Fact<CvmfsFacts>> cvmfs, string? trialDirectory, CancellationToken ct)
    {
        Lazy<string?> tree = new(() => MakeTree(trialDirectory));
        try
        {
            // Those on PATH need not wait for CVMFS.
            List<Task<ImmutableArray<RuntimeFacts>>> asked = [.. LocalAndRemote(site).Select(g => AskAsync(g, tree.Value, ct))];
            if ((await cvmfs).IsKnown(out CvmfsFacts facts))
            {
                asked.AddRange(InCvmfs(site, facts).Select(g => AskAsync(g, tree.Value, ct)));
            }

            ImmutableArray<RuntimeFacts>[] found = await Task.WhenAll(asked);
            ImmutableArray<RuntimeFacts> all = [.. found.SelectMany(f => f).OrderBy(r => r.Works.Works ? 0 : 1)];
            return all.IsEmpty
                ? new Fact<ImmutableArray<RuntimeFacts>>.Absent("no apptainer or singularity in the profile, on PATH or in CVMFS")
                : new Fact<ImmutableArray<RuntimeFacts>>.Known(all);
        }
        finally
        {
            if (tree.IsValueCreated && tree.Value is { } made)
            {
                Remove(made);
            }
        }
    }

    private static string? MakeTree(string? beginning)
    {
        if (beginning is null || !TrialTree.Possible)
        {
            return null;
        }

        string tree = string.Create(CultureInfo.InvariantCulture, $"{beginning}-{Environment.ProcessId}");
        try
        {
            TrialTree.Make(tree);
            return tree;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Warn("Container runtimes are not tried, only asked for their version: {Reason}", e.Message);
            return null;
        }
    }

    private static void Remove(string tree)
    {
        try
        {
            Directory.Delete(tree, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Warn("{Directory} could not be removed: {Reason}", tree, e.Message);
        }
    }

    /// <summary>"apptainer version 1.4.5", "singularity version 3.8.7-1.el8", "singularity-ce version 4.1.0", and 2.x's bare "2.6.1-dist".</summary>
    internal static (string Name, string Version)? ParseVersion(string output, string path)
    {
        string line = output.Split('\n')[0].Trim();
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words switch
        {
            [.., var version] when version.Contains(FaceMark, StringComparison.Ordinal) => null,
            [var name, "version", var version] when name.StartsWith("apptainer", StringComparison.Ordinal) => ("apptainer", version),
            [var name, "version", var version] when name.StartsWith("singularity", StringComparison.Ordinal) => ("singularity", version),
            [{ Length: > 0 } version] when char.IsAsciiDigit(version[0]) && Path.GetFileName(path) == "singularity" => ("singularity", version),
            _ => null,
        };
    }

    private List<Group> LocalAndRemote(SiteProfile site)
    {
        List<Candidate> local = [];
        List<Candidate> remote = [];
        HashSet<string> programs = new(StringComparer.Ordinal);
        IEnumerable<Candidate> candidates = site.Apptainer.Programs.Select(p => new Candidate(p, "profile"))
            .Concat(from name in Names
                    from directory in environment.GetValueOrDefault("PATH", "").Split(':')
                    where directory.StartsWith('/')
                    select new Candidate(Path.Combine(directory, name), "path"));
        foreach (Candidate candidate in candidates.DistinctBy(c => c.Path))
        {
            if (CvmfsPath.IsBelow(candidate.Path, site.Cvmfs.Root))
            {
                // A job's PATH often holds CVMFS directories; what is wanted from there is named by the profile.
                continue;
            }

            switch (LocalPath.Resolve(candidate.Path, mounts))
            {
                case LocalPath.Here here when !CvmfsPath.IsBelow(here.Path, site.Cvmfs.Root):
                    // /bin and /usr/bin, apptainer and singularity are often one and the same program.
                    if (programs.Add(here.Path))
                    {
                        local.Add(candidate);
                    }

                    break;
                case LocalPath.Elsewhere elsewhere when !CvmfsPath.IsBelow(elsewhere.Path, site.Cvmfs.Root):
                    remote.Add(candidate);
                    break;
                default:
                    break;
            }
        }

        return [.. new Group[] { new(local, null), new(remote, null) }.Where(g => g.Candidates.Count > 0)];
    }

    private static IEnumerable<Group> InCvmfs(SiteProfile site, CvmfsFacts facts) =>
        from program in site.Apptainer.CvmfsPrograms
        let path = Path.Combine(site.Cvmfs.Root, program)
        let name = CvmfsPath.RepositoryOf(path, site.Cvmfs.Root)
        where facts.Repositories.Any(r => r.Name == name && r.Usable)
        group new Candidate(path, "cvmfs") by name into programs
        select new Group([.. programs], Path.Combine(site.Cvmfs.Root, programs.Key));

    private async Task<ImmutableArray<RuntimeFacts>> AskAsync(Group group, string? tree, CancellationToken ct)
    {
        ProbeReply reply = await children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.Runtime,
                Arguments = [tree is null ? OwnIdentity() : $"{OwnIdentity()} {tree}", .. group.Candidates.Select(c => c.Path)],
                FirstDeadline = tree is null ? VersionDeadline : TrialDeadline,
                StepDeadline = VersionDeadline,
                Repository = group.Repository,
            },
            ct);
        return [.. group.Candidates.Select((c, i) => Judge(c, i, tree is not null, reply)).OfType<RuntimeFacts>()];
    }

    /// <summary>Null for a candidate that is not there, is not a runtime, or was not reached before the child ended.</summary>
    private static RuntimeFacts? Judge(Candidate candidate, int number, bool deep, ProbeReply reply)
    {
        string prefix = number.ToString(CultureInfo.InvariantCulture);
        if (reply[prefix + ".errno"].Length > 0 || ParseVersion(reply[prefix + ".version"], candidate.Path) is not { } version)
        {
            return null;
        }

        string output = reply[prefix + ".run"];
        StepResult works = !deep ? new StepResult(true, null, "found; not tried")
            : output.Contains(TrialTree.Word, StringComparison.Ordinal) ? StepResult.Ok
            : new StepResult(false, null, LastLine(output, reply));
        return new RuntimeFacts(candidate.Path, version.Name, version.Version, candidate.Origin, works);
    }

    private static string LastLine(string output, ProbeReply reply) =>
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault()
        ?? (reply.Trouble.Length > 0 ? reply.Trouble : "it printed nothing");

    private static string OwnIdentity() => Touch.Status(Libc.AT_FDCWD, "/proc/self/exe", 0, out Libc.FileStatus status) == 0 ? status.Identity : "none";

    private sealed record Candidate(string Path, string Origin);

    private sealed record Group(List<Candidate> Candidates, string? Repository);
}
