using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Serving;
using GridWrapper.Sites;

namespace GridWrapper.Strategies;

/// <summary>Puts layers that are read piece by piece, and packed ones among them, together to a root. It lives as long as the root: what is still to come is fetched by its client.</summary>
internal sealed class LazyAssembly(CacheDirectory cache, RegistryClient client, TimeProvider clock, CacheLeases leases) : IAsyncDisposable
{
    private static readonly RoomLog Log = new(nameof(LazyAssembly));
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly List<FileSource> _sources = [];
    private LazyFill? _fill;

    /// <returns>The root, and how many layers had to be packed for it.</returns>
    internal async Task<(ServedRoot Root, int Packed)> MakeAsync(PlanInput input, CancellationToken ct)
    {
        _ = input.Image.Resolved.IsKnown(out ResolvedImage image);
        var reference = (ImageReference.InRegistry)input.Image.Reference;
        LazyLayers layers = LazyLayers.Of(image);
        var traffic = new LazyTraffic(new LazyOptions { Patience = input.Site.Serving.PatienceMinutes * Minute, Clock = clock });
        var store = new PackedStore(cache, clock, leases) { MaxBytes = (long?)input.Site.Cache.MaxBytes, SharedRoots = input.SharedCaches, Form = layers.KeptForm(input).Form };
        Task<IReadOnlyDictionary<Digest, PackedLayer>> packing = store.EnsureAllAsync(layers.Whole, new RegistryBlobs(client, reference), ct);
        Task<LazyLayer>[] opening =
        [
            .. layers.Lazy.Select(layer => LazyLayer.OpenAsync((layer.Layer.Blob, layer.Format), client.OpenRanges(reference, layer.Layer.Blob), (cache, leases), traffic, ct)),
        ];
        try
        {
            LazyLayer[] lazy = await Task.WhenAll(opening);
            IReadOnlyDictionary<Digest, PackedLayer> packed = await packing;
            NodeTable table = Union(image, layers, lazy, packed);
            _fill = new LazyFill([.. lazy], traffic);
            IEnumerable<(int Layer, long Data)> wanted = LazyFill.Named(table, AccessTrace.Read(cache, image.Config.Digest ?? image.Manifest.Config.Digest)).Where(file => file.Layer < lazy.Length);
            await _fill.StartAsync(PolicyOf(input.Site.Serving), [.. wanted], ct);
            return (new ServedRoot(table, [.. _sources]) { Life = this, Trouble = () => traffic.Trouble, Fetched = () => (client.Counter.Bytes, client.Counter.Requests) }, packed.Values.Count(layer => !layer.WasCached));
        }
        catch
        {
            await CloseAsync(opening, packing);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_fill is not null)
        {
            await _fill.DisposeAsync();
        }

        client.Dispose();
    }

    private NodeTable Union(ResolvedImage image, LazyLayers layers, LazyLayer[] lazy, IReadOnlyDictionary<Digest, PackedLayer> packed)
    {
        var union = new RootUnion();
        Dictionary<Digest, (LayerTree Tree, int Source)> all = [];
        for (int i = 0; i < lazy.Length; i++)
        {
            all[layers.Lazy[i].Layer.DiffId] = (lazy[i].Tree, i);
            _sources.Add(lazy[i].Source);
        }

        Lazy<InflatePool> pool = PackedLayer.NewPool();
        foreach (PackedLayer layer in packed.Values)
        {
            all[layer.DiffId] = (layer.Tree, _sources.Count);
            _sources.Add(layer.Open(pool));
        }

        foreach (Digest diffId in image.Config.DiffIds)
        {
            union.Add(all[diffId].Tree, all[diffId].Source, diffId.ToString());
        }

        return union.Table;
    }

    /// <summary>What was opened before something else failed.</summary>
    private async Task CloseAsync(Task<LazyLayer>[] opening, Task packing)
    {
        foreach (Task task in (Task[])[packing, .. opening])
        {
            try
            {
                await task;
            }
            catch (Exception e)
            {
                Log.Debug("not opened either: {Reason}", e.Message);
            }
        }

        foreach (FileSource source in opening.Where(task => task.IsCompletedSuccessfully).Select(task => task.Result.Source).Union(_sources))
        {
            source.Dispose();
        }
    }

    private static LazyPolicy PolicyOf(ServingPolicy policy) => policy.Fill switch
    {
        ServingPolicy.BeforeRun => new LazyPolicy.BeforeRun(),
        ServingPolicy.OnDemand => new LazyPolicy.OnDemand(),
        _ => new LazyPolicy.Within(policy.FillMinutes * Minute),
    };
}
