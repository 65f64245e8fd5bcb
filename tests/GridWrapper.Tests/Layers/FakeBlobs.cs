using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Tests.Layers;

/// <summary>Blobs in memory that count how often they are opened, and can be told to misbehave.</summary>
internal sealed class FakeBlobs : IBlobSource
{
    private readonly Dictionary<Digest, byte[]> _blobs = [];
    private int _opened;

    public string Name => "registry";

    internal int Opened => _opened;

    /// <summary>Replaces what is sent for a blob.</summary>
    internal Func<byte[], Stream> Send { get; init; } = bytes => new MemoryStream(bytes);

    internal Descriptor Add(byte[] blob)
    {
        var descriptor = new Descriptor(MediaTypes.OciLayerGzip, Digest.Of(blob), blob.Length);
        _blobs[descriptor.Digest] = blob;
        return descriptor;
    }

    public Task<Stream> OpenAsync(Descriptor blob, CancellationToken ct)
    {
        Interlocked.Increment(ref _opened);
        return Task.FromResult<Stream>(new VerifiedStream(Send(_blobs[blob.Digest]), blob, fault => new WrongBytesException(fault)));
    }

    internal sealed class WrongBytesException(string message) : Exception(message);
}
