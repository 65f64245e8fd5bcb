using GridWrapper.Layers;
using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>Trees of archives, for tests.</summary>
internal static class LayerTrees
{
    internal static LayerTree Of(byte[] tar) => Of(tar, ExtractionLimits.ForBlob(tar.Length));

    internal static LayerTree Of(byte[] tar, ExtractionLimits limits)
    {
        var reader = new TarEntryReader(new MemoryStream(tar));
        var builder = new LayerTreeBuilder(limits);
        while (reader.Next() is { } entry)
        {
            builder.Add(entry, reader.Position);
        }

        return builder.Finish();
    }

    internal static NodeTable Union(IEnumerable<byte[]> tars)
    {
        var union = new RootUnion();
        foreach ((int number, byte[] tar) in tars.Index())
        {
            union.Add(Of(tar), number, $"number {number}");
        }

        return union.Table;
    }
}
