using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Serving;

namespace GridWrapper.Strategies;

/// <summary>All layers from the registry, or from the node's cache where they are there already, each kept as one file and never unpacked, served to the payload by this process.</summary>
internal sealed class PackedStrategy(RegistryClientFactory clients, TimeProvider clock) : IRootfsStrategy
{
    internal const string StrategyName = "packed";

    /// <summary>Held until the process ends: the payload runs on what is leased.</summary>
    private readonly CacheLeases _leases = new(clock);

    public string Name => StrategyName;

    public string? OnlyLauncher => "rootless";

    public bool LeavesRoot => false;

    public bool FillsCache => true;

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if (input.Image.Reference is not ImageReference.InRegistry)
        {
            return Verdict.DoesNotApply("the image is not named by a registry reference");
        }

        if ((ServedJudge.Refuse(input) ?? LayeredJudge.RefuseImage(input, out _)) is { } refused)
        {
            return refused;
        }

        _ = input.Image.Resolved.IsKnown(out ResolvedImage image);
        ImmutableArray<Descriptor> missing = ServedJudge.Missing(input, image);
        KeptForm kept = KeptForm.Of(input, missing);
        return kept.Refuse(input, missing) ?? (Verdict)Verdict.Yes(
            ServedJudge.CostOf(input, image, missing, kept),
            missing.IsEmpty ? "all layers lie packed in the cache" : $"{missing.Length} of {image.Manifest.Layers.Length} layers have to be pulled; they are served without being unpacked{(kept.Why.Length > 0 ? "; " : "")}{kept.Why}");
    }

    public Rootfs Predict(PlanInput input, RootfsForm form) => Described(StrategyName, input, input.Image.PackedLayers ?? []);

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        var cache = new CacheDirectory(input.CacheDirectory);
        try
        {
            cache.Prepare();
            return await PackAsync(input, cache, ct);
        }
        catch (UnauthorizedAccessException e)
        {
            throw LayerFault.Storage("writing", cache.Path, new IOException(e.Message, e));
        }
    }

    private async Task<Rootfs> PackAsync(PlanInput input, CacheDirectory cache, CancellationToken ct)
    {
        _ = input.Image.Resolved.IsKnown(out ResolvedImage image);
        using RegistryClient client = clients.Create(input.Site);
        long began = clock.GetTimestamp();
        KeptForm kept = KeptForm.Of(input, ServedJudge.Missing(input, image));
        var store = new PackedStore(cache, clock, _leases) { MaxBytes = (long?)input.Site.Cache.MaxBytes, SharedRoots = input.SharedCaches, Form = kept.Form };
        IReadOnlyDictionary<Digest, PackedLayer> layers = await store.EnsureAllAsync(image.Layers, new RegistryBlobs(client, (ImageReference.InRegistry)input.Image.Reference), ct);
        if (kept.Form != KeptAs.Compressed)
        {
            PullRate.Note(input.CacheDirectory, client.Counter.Bytes, clock.GetElapsedTime(began), PullRate.Packing);
        }

        Rootfs made = Described(StrategyName, input, [.. layers.Values.Where(layer => layer.WasCached).Select(layer => layer.DiffId)]);
        Directory.CreateDirectory(made.LowerDirectories[0]);
        int packed = layers.Values.Count(layer => !layer.WasCached);
        return made with
        {
            Layers = [.. made.Layers.Zip(image.Layers, (origin, layer) => origin with { Root = layers[layer.DiffId].SharedRoot })],
            Served = PackedRoot.Make(image.Config.Digest ?? image.Manifest.Config.Digest, [.. image.Config.DiffIds.Select(diffId => layers[diffId])]),
            Transfer = made.Transfer with { BytesFetched = client.Counter.Bytes, Requests = client.Counter.Requests, FilesMade = packed * KeptForm.FilesPerLayer },
        };
    }

    /// <summary>What is known of a served root before its tree is.</summary>
    /// <param name="cached">DiffIDs of layers that were packed before.</param>
    internal static Rootfs Described(string strategy, PlanInput input, ImmutableHashSet<Digest> cached)
    {
        ResolvedImage image = input.Image.Resolved.IsKnown(out ResolvedImage known) ? known : throw new InvalidOperationException("called without a usable verdict");
        return new Rootfs
        {
            Strategy = strategy,
            LowerDirectories = [input.CacheDirectory + "/mount"],
            IsServed = true,
            Config = image.Config,
            Layers = [.. image.Layers.Select(layer => new LayerOrigin(layer.Blob.Digest, layer.Blob.SizeBytes, cached.Contains(layer.DiffId) ? "cache" : "registry") { Packed = strategy == StrategyName })],
            Transfer = new TransferCounts { BytesFromCache = ImageLayer.Distinct(image.Layers).Where(layer => cached.Contains(layer.DiffId)).Sum(layer => layer.Blob.SizeBytes) },
        };
    }
}
