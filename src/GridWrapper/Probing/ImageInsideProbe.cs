using GridWrapper.Images;
using GridWrapper.Sites;

namespace GridWrapper.Probing;

/// <summary>Looks into an image's tree: here where all of it lies on local file systems, else by a disposable child.</summary>
internal sealed class ImageInsideProbe(IProbeChildren children)
{
    internal async Task<Fact<ImageInside>> FindAsync(InsideQuestion question, CvmfsPolicy policy, Platform platform, CancellationToken ct)
    {
        if (question is { Layers.IsEmpty: true, Tree: null })
        {
            return new Fact<ImageInside>.Unknown("the tree does not exist yet");
        }

        if (question.Tree is not null || LocalPath.AreLocal(question.Layers))
        {
            return Here(question, platform);
        }

        ProbeReply reply = await children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.Inside,
                Arguments = question.ToWords(),
                FirstDeadline = TimeSpan.FromSeconds(policy.FirstTouchSeconds),
                StepDeadline = TimeSpan.FromSeconds(policy.StepSeconds),
                Repository = CvmfsPath.RepositoryDirectory(policy.Root, question.Layers.AsSpan()),
            },
            ct);
        return reply.End == ProbeEnd.Answered ? Judge(key => reply[key], question, platform) : new Fact<ImageInside>.Unknown(reply.Trouble);
    }

    /// <summary>In this process.</summary>
    internal static Fact<ImageInside> Here(InsideQuestion question, Platform platform)
    {
        ProbeOutput.ToDictionary output = new();
        InsideCheck.Run(question, output);
        return Judge(key => output.Values.GetValueOrDefault(key, ""), question, platform);
    }

    private static Fact<ImageInside> Judge(Func<string, string> said, InsideQuestion question, Platform platform)
    {
        if (said("open.errno") is { Length: > 0 } errno)
        {
            return new Fact<ImageInside>.Unknown($"{said("open.path")}: {errno}");
        }

        ImmutableSortedDictionary<string, InsidePlace>.Builder places = ImmutableSortedDictionary.CreateBuilder<string, InsidePlace>(StringComparer.Ordinal);
        foreach (string place in question.Places)
        {
            places[place] = said(InsideCheck.PlacePrefix + place) switch { "1" => InsidePlace.EmptyDirectory, "2" => InsidePlace.Directory, "3" => InsidePlace.Other, _ => InsidePlace.Missing };
        }

        return new Fact<ImageInside>.Known(new ImageInside
        {
            HasShell = said(InsideCheck.ShellKey) == "1",
            Scripts = [.. said(InsideCheck.ScriptsKey).Split('/', StringSplitOptions.RemoveEmptyEntries)],
            HasRunscript = said(InsideCheck.RunscriptKey) == "1",
            Config = SingularityMetadata.Parse(said(InsideCheck.EnvironmentKey), said(InsideCheck.RunscriptTextKey), platform),
            User = question.User.Length == 0 ? null : UserLookup.Resolve(question.User, said(InsideCheck.PasswdKey), said(InsideCheck.GroupKey)) with { HomeClosed = said(InsideCheck.HomeClosedKey) == "1" },
            Glibc = question.Gpu ? said(InsideCheck.GlibcKey) : null,
            HasRocm = said(InsideCheck.RocmKey) == "1",
            Places = places.ToImmutable(),
        });
    }
}
