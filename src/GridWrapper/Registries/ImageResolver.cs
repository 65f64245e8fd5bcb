using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Registries;

/// <summary>Finds out what an image reference means today: one manifest, pinned by digest, for this node's platform, with its configuration.</summary>
/// <param name="clients">For the registry.</param>
/// <param name="configs">Where configurations are kept; null asks for them each time.</param>
internal sealed class ImageResolver(RegistryClientFactory clients, ConfigStore? configs = null)
{
    /// <summary>Indexes that list indexes are legal, but nobody nests them deeper.</summary>
    private const int MaxIndexDepth = 3;

    private static readonly RoomLog Log = new(nameof(ImageResolver));

    internal async Task<ResolvedImage> ResolveAsync(ImageReference.InRegistry image, SiteProfile site, NodeFacts node, CancellationToken ct)
    {
        using RegistryClient client = clients.Create(site);
        ImageReference.InRegistry current = image;
        ImmutableArray<Digest> indexes = [];
        for (int depth = 0; depth <= MaxIndexDepth; depth++)
        {
            ServedManifest served = await client.GetManifestAsync(current, ct);
            switch (ManifestReader.Read(served.Bytes, served.ContentType, current.ToString()))
            {
                case ManifestDocument.Image found:
                    Task<byte[]> FetchAsync(CancellationToken token) => client.GetBlobAsync(image, found.Manifest.Config, token);
                    byte[] config = await (configs is null ? FetchAsync(ct) : configs.GetAsync(found.Manifest.Config, FetchAsync, ct));
                    ResolvedImage resolved = Combine(found.Manifest, config, node, image.ToString()) with { Indexes = indexes };
                    Log.Info("{Image} is the manifest {Digest}", image.ToString(), found.Manifest.Digest);
                    SignatureProof? proof = await new SignatureCheck(client, site).DemandAsync(image, [.. indexes, found.Manifest.Digest], ct);
                    return resolved with { Signature = proof, Requests = client.Counter.Requests, BytesFetched = client.Counter.Bytes };
                case ManifestDocument.Index index:
                    indexes = indexes.Add(index.Digest);
                    current = image with { Digest = PlatformSelector.Select(index.Manifests, node.Architecture, node.CpuLevel, image.ToString()).Digest };
                    break;
            }
        }

        throw TooDeep(image.ToString());
    }

    /// <summary>Puts a manifest and its configuration together and checks that they belong to each other.</summary>
    internal static ResolvedImage Combine(ImageManifest manifest, byte[] configBytes, NodeFacts node, string source)
    {
        ImageConfig config = ImageConfigReader.Read(configBytes, source);
        if (config.Platform.Architecture != "unknown" && config.Platform.Architecture != node.Architecture)
        {
            throw Bad(source, $"it is for {config.Platform}, this node is {node.Architecture}; build it for this platform, or send the job to a node of that kind", PilotError.ImageNotFound);
        }

        return config.DiffIds.Length == manifest.Layers.Length
            ? new ResolvedImage(manifest, config)
            : throw Bad(source, $"its manifest lists {manifest.Layers.Length} layers and its configuration {config.DiffIds.Length} diff_ids; both must be built and pushed together");
    }

    internal static GridWrapperException TooDeep(string source) => Bad(source, $"its indexes are nested more than {MaxIndexDepth} deep");

    private static GridWrapperException Bad(string source, string what, int pilotErrorCode = PilotError.ContainerImageMountFailure) => new(new Failure
    {
        Blame = Blame.Image,
        Phase = Phase.Resolve,
        Step = "read-manifest",
        PilotErrorCode = pilotErrorCode,
        Message = $"the image {source} cannot be used: {what}",
    });
}
