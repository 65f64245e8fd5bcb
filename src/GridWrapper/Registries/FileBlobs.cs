using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>Blobs in files: named by digest as an OCI layout does, or by any other name given for a digest.</summary>
internal sealed class FileBlobs(IImageFiles files, ImmutableDictionary<Digest, string> names) : IBlobSource
{
    public string Name => "local";

    internal static string PathOf(Digest digest) => "blobs/sha256/" + digest.Hex;

    public Task<Stream> OpenAsync(Descriptor blob, CancellationToken ct)
    {
        string name = names.GetValueOrDefault(blob.Digest) ?? PathOf(blob.Digest);
        try
        {
            return Task.FromResult<Stream>(new VerifiedStream(files.Open(name), blob, fault => LocalFault.WrongBytes(files.Description, $"{name}: {fault}")));
        }
        catch (IOException e)
        {
            throw LocalFault.Bad(files.Description, $"its layer '{name}' cannot be read: {e.Message}", e);
        }
    }
}
