using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>What the three ways of an image file have in common: what the file is, and what refuses it. Pure.</summary>
internal static class SifJudge
{
    internal const string StrategyName = "sif";

    internal const string Mounted = "mounted";
    internal const string Unpacked = "unpacked";
    internal const string HandedOver = "handed-over";

    /// <summary>Null with the file, or the refusal.</summary>
    internal static Verdict.Refused? Refuse(PlanInput input, out ImageFileFacts file)
    {
        file = new ImageFileFacts { Content = "" };
        if (input.Image.Reference is not ImageReference.AtPath)
        {
            return Verdict.DoesNotApply("the image is not a SIF or squashfs file");
        }

        if (!input.Image.AtPath.IsKnown(out PathImage found) || found.File is null)
        {
            return Verdict.DoesNotApply(found is null ? $"the image is no SIF or squashfs file: {input.Image.AtPath.Why}" : $"{found.Path} is a directory");
        }

        file = found.File;
        string node = input.Host.Node.Architecture;
        if (file.Fault.Length > 0)
        {
            return Refused(Blame.Image, PilotError.ContainerImageMountFailure, $"{found.Path} is no good {(found.Kind == "sif" ? "SIF" : "squashfs")} file: {file.Fault}");
        }

        return file.Architecture.Length > 0 && node.Length > 0 && file.Architecture != node
            ? Refused(Blame.Image, PilotError.ContainerImageMountFailure, $"{found.Path} is an image for {file.Architecture}, this node is {node}; take the image that was built for {node}") with { Errno = "ENOEXEC" }
            : null;
    }

    /// <summary>What only Apptainer can make use of.</summary>
    internal static Verdict.Refused? RefuseForeign(ImageFileFacts file, string path) => (file.Content, file.HasOverlay) switch
    {
        (ImageFileFacts.Squashfs, false) => null,
        (ImageFileFacts.Squashfs, true) => Refused(Blame.Image, PilotError.ContainerImageMountFailure, $"{path} changes its root by an overlay partition, which only Apptainer applies; it would have to be on this node"),
        (ImageFileFacts.EncryptedSquashfs, _) => Refused(Blame.Image, PilotError.ContainerImageMountFailure, $"{path} is encrypted; only Apptainer can open it, by hand with its key: apptainer exec --pem-path KEY {path} …, or build it without encryption"),
        _ => Refused(Blame.Image, PilotError.ContainerImageMountFailure, $"{path} holds {file.Content}, which only Apptainer can mount; it would have to be on this node, or build the image with 'apptainer build'"),
    };

    internal static Verdict.Refused Refused(Blame blame, int pilotErrorCode, string reason) => new() { Reason = reason, Blame = blame, PilotErrorCode = pilotErrorCode };

    internal static ImageFile FileOf(PlanInput input)
    {
        PathImage found = Found(input);
        ImageFileFacts file = found.File!;
        return new ImageFile(found.Path, file.Offset, file.SizeBytes, file.State);
    }

    internal static PathImage Found(PlanInput input) => input.Image.AtPath.IsKnown(out PathImage found) ? found : throw new InvalidOperationException("called without a usable verdict");
}
