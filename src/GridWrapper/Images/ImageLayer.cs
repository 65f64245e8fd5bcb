namespace GridWrapper.Images;

/// <summary>One layer of an image: what the registry serves, and what it is once it is unpacked.</summary>
/// <param name="Blob">As the manifest has it.</param>
/// <param name="DiffId">Digest of the uncompressed archive, as the configuration has it.</param>
internal sealed record ImageLayer(Descriptor Blob, Digest DiffId)
{
    /// <summary>Each layer once: where one diffID occurs several times the first counts.</summary>
    internal static List<ImageLayer> Distinct(IEnumerable<ImageLayer> layers)
    {
        HashSet<Digest> seen = [];
        List<ImageLayer> distinct = [];
        foreach (ImageLayer layer in layers)
        {
            if (seen.Add(layer.DiffId))
            {
                distinct.Add(layer);
            }
        }

        return distinct;
    }
}
