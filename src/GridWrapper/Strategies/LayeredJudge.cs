using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;

namespace GridWrapper.Strategies;

/// <summary>What refuses every strategy that brings layers into the cache, wherever they come from.</summary>
internal static class LayeredJudge
{
    /// <summary>The image, or the refusal.</summary>
    internal static Verdict.Refused? Refuse(PlanInput input, RootfsForm form, out ResolvedImage image) =>
        RefuseImage(input, out image) ?? RefuseMissing(input, image.Manifest.Layers, form, LayerCost.Missing(input, image));

    /// <summary>The image whose layers can be had and read here, whatever is made of them, or the refusal.</summary>
    internal static Verdict.Refused? RefuseImage(PlanInput input, out ResolvedImage image)
    {
        if (!input.Image.Resolved.IsKnown(out image))
        {
            return Unresolved(input.Image);
        }

        if (OutOfReach(input, image) is { } foreign)
        {
            return Refused(
                $"layer {foreign.Digest} is a foreign layer, kept outside of its registry at {ForeignLayer.Hosts(foreign)}; it is fetched from hosts that registries.foreignLayers of the site profile names, for an image of a registry",
                Blame.Image,
                PilotError.ContainerImageMountFailure);
        }

        return RefuseZstd(input, image.Manifest.Layers);
    }

    /// <summary>What refuses fetching and stacking these layers on this node.</summary>
    internal static Verdict.Refused? RefuseMissing(PlanInput input, ImmutableArray<Descriptor> missing, RootfsForm form) => RefuseMissing(input, missing, form, missing);

    private static Verdict.Refused? RefuseZstd(PlanInput input, ImmutableArray<Descriptor> layers) =>
        layers.Any(layer => layer.MediaType is MediaTypes.OciLayerZstd or MediaTypes.DockerLayerZstd) && input.Host.Zstd is Fact<string>.Absent absent
            ? Refused($"the image has zstd layers and this node has no libzstd.so.1 ({absent.Reason})", Blame.Site, PilotError.ContainerGeneralFailure) with { Retryable = true }
            : null;

    /// <param name="layers">All that will be fetched, in whatever form it is kept.</param>
    /// <param name="missing">What will be unpacked.</param>
    internal static Verdict.Refused? RefuseMissing(PlanInput input, ImmutableArray<Descriptor> layers, RootfsForm form, ImmutableArray<Descriptor> missing)
    {
        if (RefuseZstd(input, layers) is { } unreadable)
        {
            return unreadable;
        }

        if (form == RootfsForm.Stack && input.Host.Namespaces.IsKnown(out NamespaceFacts namespaces) && !namespaces.OverlayUserXattr.Works)
        {
            StepResult step = namespaces.OverlayUserXattr;
            return Refused($"overlay with userxattr does not work here ({step.Detail}), so the removals of layers would be lost", Blame.Site, PilotError.ContainerGeneralFailure) with { Errno = step.Errno, Retryable = true };
        }

        return LayerCost.NoSpace(input, missing);
    }

    /// <summary>A layer that the image says is elsewhere, where the site does not allow to fetch it. One without an address is the registry's, whatever it is called.</summary>
    private static Descriptor? OutOfReach(PlanInput input, ResolvedImage image)
    {
        foreach (Descriptor layer in image.Manifest.Layers)
        {
            if (MediaTypes.IsForeignLayer(layer.MediaType) && !layer.Urls.IsEmpty
                && (input.Image.Reference is not ImageReference.InRegistry || ForeignLayer.Place(layer, input.Site.Registries) is null))
            {
                return layer;
            }
        }

        return null;
    }

    private static Verdict.Refused Unresolved(ImageFacts image) => image.ResolveFailure is { } failure
        ? Refused(failure.Message, failure.Blame, failure.PilotErrorCode) with { Errno = failure.Errno, Retryable = failure.Retryable }
        : Refused($"the image's manifest is not known: {image.Resolved.Why}", Blame.Registry, PilotError.ContainerGeneralFailure) with { Retryable = true };

    private static Verdict.Refused Refused(string reason, Blame blame, int pilotErrorCode) =>
        new() { Reason = reason, Blame = blame, PilotErrorCode = pilotErrorCode };
}
