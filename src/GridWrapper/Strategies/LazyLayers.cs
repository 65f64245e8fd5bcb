using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Serving;

namespace GridWrapper.Strategies;

/// <summary>Which layers of an image can be read piece by piece. Pure.</summary>
internal sealed record LazyLayers(ImmutableArray<(ImageLayer Layer, LazyFormat Format)> Lazy, ImmutableArray<ImageLayer> Whole, string WhyNot)
{
    /// <summary>Of an image's bytes, what a payload reads: between 5 and 7 in a hundred of HEP releases, as of others.</summary>
    private const double ShareRead = 0.06;

    /// <summary>The table of contents, and what is asked for while the payload begins.</summary>
    private const int RequestsPerLayer = 4;

    /// <summary>So many at a time.</summary>
    private const int Connections = 8;
    private const double UsualBytesPerSecond = 100e6;
    private const double UsualSecondsPerRequest = 0.1;
    private const int FilesPerLayer = 4;

    /// <summary>Reading tables of contents, mounting, and the first reading of each file.</summary>
    private const double Serving = 0.5;

    /// <summary>Each layer once. A small one is as well pulled as a whole: its table of contents costs as many requests.</summary>
    internal static LazyLayers Of(ResolvedImage image)
    {
        ImmutableArray<(ImageLayer Layer, LazyFormat Format)>.Builder lazy = ImmutableArray.CreateBuilder<(ImageLayer Layer, LazyFormat Format)>();
        ImmutableArray<ImageLayer>.Builder whole = ImmutableArray.CreateBuilder<ImageLayer>();
        string why = "it has no layers";
        foreach (ImageLayer layer in ImageLayer.Distinct(image.Layers))
        {
            if (LazyFormat.Of(layer.Blob, out string refusal) is { } format)
            {
                lazy.Add((layer, format));
            }
            else
            {
                why = refusal;
                whole.Add(layer);
            }
        }

        return new LazyLayers(lazy.ToImmutable(), whole.ToImmutable(), why);
    }

    /// <summary>Of those that have to be pulled as a whole, what does not lie packed in the cache.</summary>
    internal ImmutableArray<Descriptor> Missing(PlanInput input) => [.. Whole.Where(layer => input.Image.PackedLayers?.Contains(layer.DiffId) != true).Select(layer => layer.Blob)];

    /// <summary>How these are to be kept.</summary>
    internal KeptForm KeptForm(PlanInput input) => Strategies.KeptForm.Of(input, Missing(input));

    internal Cost Cost(PlanInput input, ResolvedImage image)
    {
        Cost packing = ServedJudge.CostOf(input, image, Missing(input), KeptForm(input)) with { Files = 0 };
        double read = Lazy.Sum(layer => layer.Layer.Blob.SizeBytes) * ShareRead;
        int requests = Lazy.Length * RequestsPerLayer;
        double seconds = (read / UsualBytesPerSecond) + (Math.Ceiling((double)requests / Connections) * (image.RoundTripSeconds ?? UsualSecondsPerRequest)) + Serving;
        return packing + new Cost((long)read, requests, Lazy.Length * FilesPerLayer, seconds);
    }
}
