using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>An existing directory is the root filesystem. Nothing is copied, fetched or looked at again.</summary>
internal sealed class DirectoryStrategy : IRootfsStrategy
{
    public string Name => "directory";

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if (input.Image.Reference is not ImageReference.AtPath reference)
        {
            return Verdict.DoesNotApply("the image is not named by a path");
        }

        if (!input.Image.AtPath.IsKnown(out PathImage found))
        {
            bool absent = input.Image.AtPath is Fact<PathImage>.Absent;
            return new Verdict.Refused
            {
                Reason = $"{reference.Path}: {input.Image.AtPath.Why}",
                Blame = absent ? Blame.User : Blame.Site,
                PilotErrorCode = PilotError.ImageNotFound,
                Retryable = !absent,
            };
        }

        return found.Kind == "directory"
            ? Verdict.Yes(Cost.Nothing, found.OnCvmfs ? "the directory is used in place, from CVMFS" : "the directory is used in place")
            : Verdict.DoesNotApply($"{found.Path} is a {found.Kind} file, not a directory");
    }

    public Rootfs Predict(PlanInput input, RootfsForm form) => new()
    {
        Strategy = Name,
        LowerDirectories = [input.Image.AtPath.IsKnown(out PathImage found) ? found.Path : throw new InvalidOperationException("called without a usable verdict")],
    };

    public Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct) => Task.FromResult(Predict(input, form));
}
