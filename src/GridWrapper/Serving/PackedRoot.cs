using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>Packed layers put together to a root that can be served.</summary>
internal static class PackedRoot
{
    /// <param name="image">For messages.</param>
    /// <param name="layers">Base layer first; one may stand there twice.</param>
    /// <exception cref="GridWrapperException">They do not fit each other, or cannot be read.</exception>
    internal static ServedRoot Make(Digest image, IEnumerable<PackedLayer> layers)
    {
        ImmutableArray<PackedLayer> all = [.. layers];
        var sources = new List<FileSource>();
        var numbers = new Dictionary<Digest, int>();
        Lazy<InflatePool> pool = PackedLayer.NewPool();
        var union = new RootUnion([.. all.Select(layer => layer.Tree)]);
        try
        {
            foreach (PackedLayer layer in all)
            {
                if (!numbers.TryGetValue(layer.DiffId, out int number))
                {
                    number = sources.Count;
                    numbers[layer.DiffId] = number;
                    sources.Add(layer.Open(pool));
                }

                union.Add(layer.Tree, number, layer.DiffId.ToString());
            }

            return new ServedRoot(union.Table, [.. sources]);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            sources.ForEach(source => source.Dispose());
            throw Fault(image, e);
        }
    }

    private static GridWrapperException Fault(Digest image, Exception e) => e is InvalidDataException
        ? new GridWrapperException(
            new Failure
            {
                Blame = Blame.Image,
                Phase = Phase.Materialise,
                Step = "flatten",
                PilotErrorCode = PilotError.ContainerImageMountFailure,
                Message = $"the layers of the image {image} cannot be put together: {e.Message}",
            },
            e)
        : LayerFault.Storage($"opening the packed layers of the image {image}", "of this node", e as IOException ?? new IOException(e.Message, e));
}
