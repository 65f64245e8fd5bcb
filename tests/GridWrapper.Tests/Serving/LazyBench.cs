using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Serving;
using GridWrapper.Tests.Probing;

namespace GridWrapper.Tests.Serving;

/// <summary>A cache of its own and what lazily read layers share.</summary>
internal sealed class LazyBench : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly List<LazyLayer> _layers = [];

    internal LazyBench(LazyOptions? options = null)
    {
        Cache = new CacheDirectory(_scratch.Path + "/cache");
        Cache.Prepare();
        Traffic = new LazyTraffic(options ?? new LazyOptions());
    }

    internal CacheDirectory Cache { get; }

    internal CacheLeases Leases { get; } = new(TimeProvider.System);

    internal LazyTraffic Traffic { get; }

    internal static byte[] Content(LazyLayer layer, Node node)
    {
        byte[] bytes = new byte[node.Size];
        int errno = layer.Source.Read(node.Data, 0, bytes);
        return errno == 0 ? bytes : Encoding.UTF8.GetBytes($"errno {errno}");
    }

    internal Task<LazyLayer> OpenAsync(LazyBlob blob, CancellationToken ct) => OpenAsync(blob.Described, new MemoryRanges(blob.Bytes), ct);

    internal async Task<LazyLayer> OpenAsync(Descriptor layer, IRangeSource ranges, CancellationToken ct)
    {
        LazyFormat format = LazyFormat.Of(layer, out string refusal) ?? throw new ArgumentException(refusal, nameof(layer));
        LazyLayer opened = await LazyLayer.OpenAsync((layer, format), ranges, (Cache, Leases), Traffic, ct);
        _layers.Add(opened);
        return opened;
    }

    public void Dispose()
    {
        foreach (LazyLayer layer in _layers)
        {
            layer.Source.Dispose();
        }

        Leases.Release();
        _scratch.Dispose();
    }
}
