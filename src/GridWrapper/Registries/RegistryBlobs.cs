using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>The blobs of one repository.</summary>
internal sealed class RegistryBlobs(RegistryClient client, ImageReference.InRegistry image) : IBlobSource
{
    public string Name => "registry";

    public Task<Stream> OpenAsync(Descriptor blob, CancellationToken ct) => client.OpenBlobAsync(image, blob, ct);
}
