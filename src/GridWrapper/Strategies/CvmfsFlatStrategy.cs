using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>Uses the flattened tree that an image repository of CVMFS already holds: nothing is fetched by us and nothing is written.</summary>
internal sealed class CvmfsFlatStrategy(IProbeChildren children) : IRootfsStrategy
{
    /// <summary>Opening and reading the tree once more, possibly with a catalog to be fetched by the CVMFS client.</summary>
    private static readonly Cost OpeningCost = new(0, 0, 0, 0.2);

    public string Name => "cvmfs-flat";

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if (input.Image.Reference is not ImageReference.InRegistry)
        {
            return Verdict.DoesNotApply("only images named by a registry reference are looked for in CVMFS");
        }

        return input.Image.Cvmfs.IsKnown(out CvmfsImage image) ? JudgeFound(input, image) : NotFound(input);
    }

    public Rootfs Predict(PlanInput input, RootfsForm form)
    {
        if (!input.Image.Cvmfs.IsKnown(out CvmfsImage image))
        {
            throw new InvalidOperationException("cvmfs-flat was asked for a root filesystem that it had refused");
        }

        bool exact = input.Image.Resolved.IsKnown(out ResolvedImage resolved) && resolved.Manifest.Config.Digest == image.ConfigDigest;
        return new Rootfs
        {
            Strategy = Name,
            LowerDirectories = [image.FlatPath],
            Config = exact ? resolved.Config : image.ConfigFromTree,
            Layers = exact ? [.. resolved.Manifest.Layers.Select(l => new LayerOrigin(l.Digest, l.SizeBytes, "cvmfs"))] : [],
        };
    }

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        Rootfs rootfs = Predict(input, form);
        string tree = rootfs.LowerDirectories[0];
        TimeSpan deadline = TimeSpan.FromSeconds(input.Site.Cvmfs.StepSeconds);
        ProbeReply reply = await children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.Tree,
                Arguments = [tree],
                FirstDeadline = deadline,
                StepDeadline = deadline,
                Repository = CvmfsPath.RepositoryDirectory(input.Site.Cvmfs.Root, tree),
            },
            ct);
        return reply.End == ProbeEnd.Answered && reply["usable"] == "1" ? rootfs : throw Gone(tree, reply);
    }

    private static Verdict JudgeFound(PlanInput input, CvmfsImage image)
    {
        CvmfsRepositoryFacts? repository = input.Host.Cvmfs.IsKnown(out CvmfsFacts facts)
            ? facts.Repositories.FirstOrDefault(r => r.Name == image.Repository)
            : null;
        if (repository?.State == CvmfsState.Copy && input.Site.Cvmfs.Copies != "accept")
        {
            return Refuse($"{image.Repository} is no CVMFS mount ({repository.Detail}), and the profile refuses copies (cvmfs.copies)");
        }

        switch (image.Verification)
        {
            case Verification.Stale or Verification.Unverified when input.Image.DigestMatters:
                return Refuse($"{image.FlatPath} is not the image that the registry serves ({image.Verification.ToString().ToLowerInvariant()}), and the profile has rules about its digest or signature (images)");
            case Verification.Stale when input.Site.Cvmfs.StaleImages != "accept":
                string wanted = input.Image.Resolved.IsKnown(out ResolvedImage resolved) ? resolved.Manifest.Config.Digest.ToString() : "another image";
                string name = $"{image.PublicName} in {image.Repository}";
                return Refuse($"{name} is {image.StaleName ?? image.ConfigDigest}, but the registry serves {wanted}, and the profile refuses stale images (cvmfs.staleImages)");
            case Verification.Unverified when input.Site.Cvmfs.UnverifiedImages != "accept":
                string why = $"the tree in {image.Repository} could not be compared with the registry ({input.Image.Resolved.Why})";
                return Refuse($"{why}, and the profile refuses unverified images (cvmfs.unverifiedImages)", blame: Blame.Registry, retryable: true);
            default:
                return Verdict.Yes(OpeningCost, $"{image.FlatPath}, {image.Verification.ToString().ToLowerInvariant()}");
        }
    }

    /// <summary>An image missing from a healthy repository is no fault of the node; a repository that is not usable is.</summary>
    private static Verdict.Refused NotFound(PlanInput input)
    {
        if (!input.Host.Cvmfs.IsKnown(out CvmfsFacts facts))
        {
            return Refuse($"CVMFS could not be looked at: {input.Host.Cvmfs.Why}", PilotError.CvmfsNotAlive, retryable: true);
        }

        HashSet<string> names = [.. input.Site.Cvmfs.ImageRepositories.Select(CvmfsPath.RepositoryPart)];
        CvmfsRepositoryFacts[] wanted = [.. facts.Repositories.Where(r => names.Contains(r.Name))];
        if (wanted.Any(r => r.Usable))
        {
            return Refuse(input.Image.Cvmfs.Why, retryable: input.Image.Cvmfs is Fact<CvmfsImage>.Unknown);
        }

        string states = string.Join("; ", wanted.Select(r => $"{r.Name} is {r.State.ToString().ToLowerInvariant()}: {r.Detail}"));
        string? errno = wanted.Select(r => r.Errno).FirstOrDefault(e => e is not null);
        return Refuse(states.Length > 0 ? states : input.Image.Cvmfs.Why, PilotError.CvmfsNotAlive, retryable: true) with { Errno = errno };
    }

    private static Verdict.Refused Refuse(string reason, int code = PilotError.ImageNotFound, Blame blame = Blame.Cvmfs, bool retryable = false) =>
        new() { Reason = reason, Blame = blame, PilotErrorCode = code, Retryable = retryable };

    private static GridWrapperException Gone(string tree, ProbeReply reply)
    {
        string? errno = ((string[])["open.errno", "tree.list", "tree.read"]).Select(k => reply[k]).FirstOrDefault(e => e.Length > 0);
        string what = reply.End != ProbeEnd.Answered ? reply.Trouble : errno ?? "its listing is empty";
        return new GridWrapperException(new Failure
        {
            Blame = Blame.Cvmfs,
            Phase = Phase.Materialise,
            Step = "open-cvmfs-tree",
            Errno = errno,
            PilotErrorCode = PilotError.CvmfsNotAlive,
            Message = $"the tree {tree} was usable when the plan was made, but is not any more: {what}; another way of getting the image is needed",
            Retryable = true,
        });
    }
}
