using GridWrapper.Linux;
using GridWrapper.Sites;

namespace GridWrapper.Probing;

/// <summary>Looks at CVMFS repositories, each in its own disposable child, all at the same time.</summary>
internal sealed class CvmfsProbe(IProbeChildren children)
{
    internal async Task<CvmfsFacts> ProbeAsync(CvmfsPolicy policy, IEnumerable<string> repositories, CancellationToken ct)
    {
        string[] names = [.. repositories.Distinct(StringComparer.Ordinal)];
        LocalPath root = LocalPath.Resolve(policy.Root, MountInfo.Read());
        if (root is LocalPath.Missing { Errno: Errno.ENOENT or Errno.ENOTDIR })
        {
            return new CvmfsFacts { Root = policy.Root, Present = false, Repositories = [.. names.Select(n => NoRoot(n, policy.Root))] };
        }

        CvmfsRepositoryFacts[] facts = await Task.WhenAll(names.Select(n => ProbeOneAsync(n, policy, ct)));
        bool present = root is LocalPath.Here || facts.Any(f => f.State != CvmfsState.Absent);
        return new CvmfsFacts { Root = policy.Root, Present = present, Repositories = [.. facts] };
    }

    private async Task<CvmfsRepositoryFacts> ProbeOneAsync(string name, CvmfsPolicy policy, CancellationToken ct)
    {
        string path = Path.Combine(policy.Root, name);
        ProbeReply reply = await children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.Repository,
                Arguments = [policy.Root, name],
                FirstDeadline = TimeSpan.FromSeconds(policy.FirstTouchSeconds),
                StepDeadline = TimeSpan.FromSeconds(policy.StepSeconds),
                Repository = path,
            },
            ct);
        return CvmfsStates.Judge(name, path, reply);
    }

    private static CvmfsRepositoryFacts NoRoot(string name, string root) => new()
    {
        Name = name,
        Path = Path.Combine(root, name),
        State = CvmfsState.Absent,
        Detail = $"this node has no {root}",
        Errno = Errno.Name(Errno.ENOENT),
        Seconds = 0,
    };
}
