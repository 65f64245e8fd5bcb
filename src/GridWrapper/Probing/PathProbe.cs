using GridWrapper.Linux;
using GridWrapper.Sites;

namespace GridWrapper.Probing;

/// <summary>
/// Finds out what an image reference by path is. Local paths are looked at directly; everything else (CVMFS, NFS, FUSE, automounts) by a disposable child.
/// Links are resolved, so that a public name in CVMFS becomes its .flat path.
/// </summary>
internal sealed class PathProbe(IProbeChildren children)
{
    internal async Task<Fact<PathImage>> FindAsync(string path, CvmfsPolicy policy, CancellationToken ct)
    {
        path = CvmfsPath.Rebase(path, policy.Root);
        bool onCvmfs = CvmfsPath.IsBelow(path, policy.Root);
        if (!onCvmfs)
        {
            switch (LocalPath.Resolve(path, MountInfo.Read()))
            {
                case LocalPath.Missing missing:
                    return Absent(path, Errno.Name(missing.Errno));
                case LocalPath.Here here:
                    ProbeOutput.ToDictionary output = new();
                    PathCheck.Run(here.Path, policy.Root, output);
                    return Judge(path, policy.Root, key => output.Values.GetValueOrDefault(key, ""), local: true);
                default:
                    break;
            }
        }

        ProbeReply reply = await AskAsync(path, onCvmfs, policy, ct);
        return reply.End == ProbeEnd.Answered ? Judge(path, policy.Root, key => reply[key], local: false) : new Fact<PathImage>.Unknown($"{path}: {reply.Trouble}");
    }

    private Task<ProbeReply> AskAsync(string path, bool onCvmfs, CvmfsPolicy policy, CancellationToken ct) =>
        children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.Path,
                Arguments = [path, policy.Root],
                FirstDeadline = TimeSpan.FromSeconds(onCvmfs ? policy.FirstTouchSeconds : policy.StepSeconds),
                StepDeadline = TimeSpan.FromSeconds(policy.StepSeconds),
                Repository = CvmfsPath.RepositoryDirectory(policy.Root, path),
            },
            ct);

    private static Fact<PathImage> Judge(string asked, string root, Func<string, string> value, bool local)
    {
        if (value("errno") is { Length: > 0 } errno)
        {
            return errno is "ENOENT" or "ENOTDIR" ? Absent(asked, errno) : new Fact<PathImage>.Unknown($"{asked}: {errno}");
        }

        string path = value("path");
        return value("kind") == PathCheck.OtherKind
            ? new Fact<PathImage>.Absent($"{asked} is neither a directory nor a SIF or squashfs file")
            : new Fact<PathImage>.Known(new PathImage(path, value("kind"), CvmfsPath.IsBelow(path, root))
            {
                File = value("kind") == PathCheck.DirectoryKind ? null : ImageFileCheck.Judge(value, local),
            });
    }

    private static Fact<PathImage>.Absent Absent(string path, string errno) => new($"{path} does not exist ({errno})");
}
