using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Strategies;

/// <summary>Layers into the cache, then stacked or flattened: the part that the strategies on layers share.</summary>
internal sealed class LayerAssembly(TimeProvider clock)
{
    private static readonly RoomLog Log = new(nameof(LayerAssembly));

    /// <summary>Held until the process ends: the payload runs on what is leased.</summary>
    private readonly CacheLeases _leases = new(clock);

    /// <summary>The paths that <see cref="MakeAsync(Order, IBlobSource, CancellationToken)"/> would return if nothing forces it to flatten.</summary>
    internal static Rootfs Predict(Order order, ImmutableHashSet<Digest> cached, string source)
    {
        var cache = new CacheDirectory(order.CacheDirectory);
        Digest key = Key(order.Image);
        ImmutableArray<Digest> stack = LayerStack.Order(order.Image.Config.DiffIds);
        bool stacked = order.Form != RootfsForm.Tree;
        (ImmutableArray<Digest> kept, Digest? folded) = LayerFold.Split(stack);
        return Describe(order, [.. order.Image.Config.DiffIds.Where(cached.Contains)], source) with
        {
            LowerDirectories = stacked ? [.. kept.Select(diffId => SharedOrigins.TreeOf(diffId, cache, order.Shared)), .. folded is { } below ? (string[])[cache.FlatTree(below)] : [], cache.StackBase(key)] : [cache.FlatTree(key)],
            UserXattr = stacked,
        };
    }

    internal async Task<Rootfs> MakeAsync(Order order, IBlobSource blobs, CancellationToken ct)
    {
        var cache = new CacheDirectory(order.CacheDirectory);
        try
        {
            return await FetchAsync(order, cache, blobs, ct);
        }
        catch (UnauthorizedAccessException e)
        {
            throw LayerFault.Storage("writing", cache.Path, new IOException(e.Message, e));
        }
    }

    private async Task<Rootfs> FetchAsync(Order order, CacheDirectory cache, IBlobSource blobs, CancellationToken ct)
    {
        cache.Prepare();
        if (order.Form == RootfsForm.Tree && _leases.TryHold(cache.FlatDirectory(Key(order.Image))))
        {
            return Describe(order, [.. order.Image.Config.DiffIds], blobs.Name) with { LowerDirectories = [cache.FlatTree(Key(order.Image))] };
        }

        var store = new LayerStore(cache, clock, _leases) { MaxBytes = (long?)order.Cache.MaxBytes, Shared = order.Shared };
        IReadOnlyDictionary<Digest, StoredLayer> layers = await store.EnsureAllAsync(order.Image.Layers, blobs, ct);
        ImmutableArray<string> directories = await PutTogetherAsync(order, cache, layers, ct);
        Rootfs made = Describe(order, [.. layers.Values.Where(layer => layer.WasCached).Select(layer => layer.DiffId)], blobs.Name);
        long files = layers.Values.Where(layer => !layer.WasCached).Sum(layer => layer.Index.Entries);
        return made with { LowerDirectories = directories, UserXattr = directories.Length > 1, Removals = RootRemovals.Of(directories, layers.Values), Transfer = made.Transfer with { FilesMade = files } };
    }

    private async Task<ImmutableArray<string>> PutTogetherAsync(Order order, CacheDirectory cache, IReadOnlyDictionary<Digest, StoredLayer> layers, CancellationToken ct)
    {
        Digest key = Key(order.Image);
        var flattener = new Flattener(cache, clock);
        if (order.Form != RootfsForm.Tree)
        {
            HoldNew(Path.GetDirectoryName(cache.StackBase(key))!);
            ImmutableArray<StoredLayer> topFirst = [.. LayerStack.Order(order.Image.Config.DiffIds).Select(diffId => layers[diffId])];
            topFirst = await LayerFold.FoldAsync(topFirst, flattener, _leases, ct);
            (ImmutableArray<string> directories, string refusal) = Stack(order, cache, topFirst);
            if (refusal.Length == 0)
            {
                return directories;
            }

            Log.Info("the layers are flattened instead of stacked: {Reason}", refusal);
        }

        return [await flattener.EnsureHeldAsync(key, [.. order.Image.Config.DiffIds.Select(diffId => layers[diffId])], _leases, ct)];
    }

    /// <summary>A directory that is filled once it is held, so that no clean-up takes it from under whoever fills it.</summary>
    private void HoldNew(string directory)
    {
        do
        {
            Directory.CreateDirectory(directory);
        }
        while (!_leases.TryHold(directory));
    }

    private static (ImmutableArray<string> Directories, string Refusal) Stack(Order order, CacheDirectory cache, ImmutableArray<StoredLayer> topFirst)
    {
        try
        {
            return LayerStack.Build(cache, Key(order.Image), topFirst);
        }
        catch (IOException e)
        {
            throw LayerFault.Storage("stacking the layers", cache.Path, e);
        }
    }

    /// <summary>The configuration lists the diffIDs, so its digest stands for the whole tree.</summary>
    private static Digest Key(ResolvedImage image) => image.Config.Digest ?? image.Manifest.Config.Digest;

    private static Rootfs Describe(Order order, ImmutableHashSet<Digest> cached, string source)
    {
        ImageLayer[] layers = order.Image.Layers;
        return new Rootfs
        {
            Strategy = order.Strategy,
            LowerDirectories = [],
            Config = order.Image.Config,
            Layers = SharedOrigins.Mark([.. layers.Select(layer => new LayerOrigin(layer.Blob.Digest, layer.Blob.SizeBytes, cached.Contains(layer.DiffId) ? "cache" : source))], order.Image.Config.DiffIds, order.Shared),
            Transfer = new TransferCounts { BytesFromCache = ImageLayer.Distinct(layers).Where(layer => cached.Contains(layer.DiffId)).Sum(layer => layer.Blob.SizeBytes) },
        };
    }

    /// <summary>What is to be put together where.</summary>
    internal sealed record Order(string Strategy, ResolvedImage Image, string CacheDirectory, RootfsForm Form)
    {
        internal static Order Of(string strategy, PlanInput input, RootfsForm form) => input.Image.Resolved.IsKnown(out ResolvedImage image)
            ? new Order(strategy, image, input.CacheDirectory, form) { Cache = input.Site.Cache, Shared = input.Image.SharedLayers }
            : throw new InvalidOperationException("called without a usable verdict");

        public CachePolicy Cache { get; init; } = new();

        /// <summary>Layers in shared roots; null for none.</summary>
        public IReadOnlyDictionary<Digest, SharedLayer>? Shared { get; init; }
    }
}
