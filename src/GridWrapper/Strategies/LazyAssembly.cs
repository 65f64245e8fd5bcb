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
        var store = new PackedStore(cache, clock, leases) { MaxBytes = (long?)input.Site.Cache.MaxBytes, SharedRoots = input.SharedCaches };
        Task<IReadOnlyDictionary<Digest, PackedLayer>> packing = store.EnsureAllAsync(layers.Whole, new RegistryBlobs(client, reference), ct);
        LazyLayer[] lazy = await Task.WhenAll(layers.Lazy.Select(layer =>
            LazyLayer.OpenAsync((layer.Layer.Blob, layer.Format), client.OpenRanges(reference, layer.Layer.Blob), (cache, leases), traffic, ct)));
        IReadOnlyDictionary<Digest, PackedLayer> packed = await packing;
        var union = new RootUnion();
        Dictionary<Digest, (LayerTree Tree, int Source)> all = [];
        for (int i = 0; i < lazy.Length; i++)
        {
            all[layers.Lazy[i].Layer.DiffId] = (lazy[i].Tree, i);
            _sources.Add(lazy[i].Source);
        }

        foreach (PackedLayer layer in packed.Values)
        {
            all[layer.DiffId] = (layer.Tree, _sources.Count);
            _sources.Add(layer.Open());
        }

        foreach (Digest diffId in image.Config.DiffIds)
        {
            union.Add(all[diffId].Tree, all[diffId].Source, diffId.ToString());
        }

        _fill = new LazyFill([.. lazy], traffic);
        Digest config = image.Config.Digest ?? image.Manifest.Config.Digest;
        await _fill.StartAsync(PolicyOf(input.Site.Serving), [.. Wanted(union.Table, AccessTrace.Read(cache, config), lazy.Length)], ct);
        return (new ServedRoot(union.Table, [.. _sources]) { Life = this, Trouble = () => traffic.Trouble, Fetched = () => (client.Counter.Bytes, client.Counter.Requests) }, packed.Values.Count(layer => !layer.WasCached));
    }

    public async ValueTask DisposeAsync()
    {
        if (_fill is not null)
        {
            await _fill.DisposeAsync();
        }

        client.Dispose();
    }

    private static LazyPolicy PolicyOf(ServingPolicy policy) => policy.Fill switch
    {
        ServingPolicy.BeforeRun => new LazyPolicy.BeforeRun(),
        ServingPolicy.OnDemand => new LazyPolicy.OnDemand(),
        _ => new LazyPolicy.Within(policy.FillMinutes * Minute),
    };

    /// <summary>What earlier payloads read of the layers that are read piece by piece, which are the first of the sources.</summary>
    private static IEnumerable<(int Layer, long Data)> Wanted(NodeTable table, ImmutableArray<string> trace, int lazy)
    {
        foreach (string path in trace)
        {
            int node = NodeTable.Root;
            foreach (string name in path.Split('/'))
            {
                node = node < 0 ? node : table.Find(node, Encoding.Latin1.GetBytes(name));
            }

            if (node > 0 && NodeKind.IsFile(table[node].Mode) && table[node].Size > 0 && table[node].Source < lazy)
            {
                yield return (table[node].Source, table[node].Data);
            }
        }
    }
}
