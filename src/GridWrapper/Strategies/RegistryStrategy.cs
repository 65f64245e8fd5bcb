using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;

namespace GridWrapper.Strategies;

/// <summary>All layers from the registry or, where they are there already, from the node's cache.</summary>
internal sealed class RegistryStrategy(RegistryClientFactory clients, LayerAssembly assembly, TimeProvider clock) : IRootfsStrategy
{
    public string Name => "registry";

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if (input.Image.Reference is not ImageReference.InRegistry)
        {
            return Verdict.DoesNotApply("the image is not named by a registry reference");
        }

        if (LayeredJudge.Refuse(input, form, out ResolvedImage image) is { } refused)
        {
            return refused;
        }

        Cost cost = LayerCost.Of(input, image, form, fromNetwork: true);
        int missing = LayerCost.Missing(input, image).Length;
        return Verdict.Yes(cost, missing == 0
            ? "all layers are in the cache" + SharedOrigins.Words(input.Image.SharedLayers)
            : $"{missing} of {image.Manifest.Layers.Length} layers have to be pulled");
    }

    public Rootfs Predict(PlanInput input, RootfsForm form) => LayerAssembly.Predict(LayerAssembly.Order.Of(Name, input, form), input.Image.CachedLayers, Name);

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        using RegistryClient client = clients.Create(input.Site);
        long began = clock.GetTimestamp();
        Rootfs made = await assembly.MakeAsync(LayerAssembly.Order.Of(Name, input, form), new RegistryBlobs(client, (ImageReference.InRegistry)input.Image.Reference), ct);
        PullRate.Note(input.CacheDirectory, client.Counter.Bytes, clock.GetElapsedTime(began));
        return made with { Transfer = made.Transfer with { BytesFetched = client.Counter.Bytes, Requests = client.Counter.Requests } };
    }
}
