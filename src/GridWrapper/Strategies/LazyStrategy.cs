using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Serving;

namespace GridWrapper.Strategies;

/// <summary>
/// Layers whose manifest vouches for a table of contents are read from the registry file by file, as the payload asks; those of the same image that are not of this kind are
/// packed. All are served by this process.
/// </summary>
internal sealed class LazyStrategy(RegistryClientFactory clients, TimeProvider clock) : IRootfsStrategy
{
    internal const string StrategyName = "lazy";

    private readonly CacheLeases _leases = new(clock);

    public string Name => StrategyName;

    public string? OnlyLauncher => "rootless";

    public bool LeavesRoot => false;

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if (input.Image.Reference is not ImageReference.InRegistry)
        {
            return Verdict.DoesNotApply("the image is not named by a registry reference");
        }

        if (LayeredJudge.RefuseImage(input, out ResolvedImage image) is { } refused)
        {
            return refused;
        }

        LazyLayers layers = LazyLayers.Of(image);
        if (layers.Lazy.IsEmpty)
        {
            return Verdict.DoesNotApply($"no layer of the image can be read piece by piece: {layers.WhyNot}");
        }

        int whole = layers.Whole.Length;
        return ServedJudge.Refuse(input) ?? layers.KeptForm(input).Refuse(input, layers.Missing(input)) ?? (Verdict)Verdict.Yes(
            layers.Cost(input, image),
            $"{layers.Lazy.Length} layers are read piece by piece, as the payload asks{(whole == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {whole} have to be pulled as a whole"))}{Kept(layers, input)}");
    }

    public Rootfs Predict(PlanInput input, RootfsForm form) => PackedStrategy.Described(StrategyName, input, input.Image.PackedLayers ?? []);

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        var cache = new CacheDirectory(input.CacheDirectory);
        RegistryClient client = clients.Create(input.Site);
        _ = input.Image.Resolved.IsKnown(out ResolvedImage image);
        LazyLayers layers = LazyLayers.Of(image);
        var assembly = new LazyAssembly(cache, client, clock, _leases);
        try
        {
            cache.Prepare();
            (ServedRoot served, int packed) = await assembly.MakeAsync(input, ct);
            Rootfs made = PackedStrategy.Described(StrategyName, input, input.Image.PackedLayers ?? []);
            Directory.CreateDirectory(made.LowerDirectories[0]);
            return made with
            {
                Served = served,
                Transfer = made.Transfer with { BytesFetched = client.Counter.Bytes, Requests = client.Counter.Requests, FilesMade = packed * KeptForm.FilesPerLayer },
            };
        }
        catch (Exception e)
        {
            await assembly.DisposeAsync();
            throw e switch
            {
                UnauthorizedAccessException => LayerFault.Storage("writing", cache.Path, new IOException(e.Message, e)),
                InvalidDataException or NoRangesException => Unusable(input, e),
                _ => e,
            };
        }
    }

    private static string Kept(LazyLayers layers, PlanInput input) => layers.KeptForm(input).Why is { Length: > 0 } why ? $", {why}" : "";

    private static GridWrapperException Unusable(PlanInput input, Exception e) => new(
        new Failure
        {
            Blame = e is NoRangesException ? Blame.Registry : Blame.Image,
            Phase = Phase.Materialise,
            Step = "read-contents",
            PilotErrorCode = PilotError.ContainerImageMountFailure,
            Message = $"{input.Image.Reference} cannot be read piece by piece: {e.Message}; --strategy packed or registry pulls it as a whole",
        },
        e);
}
