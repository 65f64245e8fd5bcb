using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;

namespace GridWrapper.Strategies;

/// <summary>An image in files of this node: an OCI layout, an archive of one, or the output of docker save.</summary>
internal sealed class LocalStrategy(LayerAssembly assembly) : IRootfsStrategy
{
    public string Name => "local";

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if (!LocalImages.Reads(input.Image.Reference))
        {
            return Verdict.DoesNotApply("the image is not an OCI layout, oci-archive or docker-archive");
        }

        return LayeredJudge.Refuse(input, form, out ResolvedImage image) is { } refused
            ? refused
            : Verdict.Yes(LayerCost.Of(input, image, form, fromNetwork: false), $"{LayerCost.Missing(input, image).Length} of {image.Manifest.Layers.Length} layers have to be unpacked");
    }

    public Rootfs Predict(PlanInput input, RootfsForm form) => LayerAssembly.Predict(LayerAssembly.Order.Of(Name, input, form), input.Image.CachedLayers, Name);

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        LayerAssembly.Order order = LayerAssembly.Order.Of(Name, input, form);
        LocalImage local = await LocalImages.ResolveAsync(input.Image.Reference, input.Site, input.Host.Node, ct);
        if (local.Image.Manifest.Digest != order.Image.Manifest.Digest)
        {
            throw LocalFault.Changed(input.Image.Reference.ToString()!);
        }

        return await assembly.MakeAsync(order, local.Blobs, ct);
    }
}
