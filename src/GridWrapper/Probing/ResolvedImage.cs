using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>A manifest pinned by digest for this job, with its configuration.</summary>
internal sealed record ResolvedImage(ImageManifest Manifest, ImageConfig Config)
{
    /// <summary>Lowest first, as the manifest and the configuration list them.</summary>
    internal ImageLayer[] Layers
    {
        get
        {
            var layers = new ImageLayer[Manifest.Layers.Length];
            for (int i = 0; i < layers.Length; i++)
            {
                layers[i] = new ImageLayer(Manifest.Layers[i], Config.DiffIds[i]);
            }

            return layers;
        }
    }

    /// <summary>The indexes through which the manifest was found, outermost first.</summary>
    public ImmutableArray<Digest> Indexes { get; init; } = [];

    /// <summary>The signature that the profile requires; null where it requires none, and where it was not looked for.</summary>
    public SignatureProof? Signature { get; init; }

    /// <summary>Requests and bytes it took to find out.</summary>
    public int Requests { get; init; }

    public long BytesFetched { get; init; }

    /// <summary>Time of one of those requests, null where none was sent.</summary>
    public double? RoundTripSeconds { get; init; }
}
