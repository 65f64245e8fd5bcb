using GridWrapper.Images;
using GridWrapper.Registries;

namespace GridWrapper.Tests.Registries;

/// <summary>A layer's blob of random bytes in the repository team/image.</summary>
internal sealed record TestBlob
{
    /// <summary>What requests for blobs of the repository begin with.</summary>
    internal const string Path = "/v2/team/image/blobs/";

    internal TestBlob(int length, int seed)
    {
        Bytes = new byte[length];
        new Random(seed).NextBytes(Bytes);
        Described = new Descriptor(MediaTypes.OciLayerGzip, Digest.Of(Bytes), length);
    }

    internal byte[] Bytes { get; }

    internal Descriptor Described { get; }

    /// <summary>What the client gets of it.</summary>
    internal async Task<byte[]> ReadAsync(RegistryClient client, FakeRegistry registry, CancellationToken ct)
    {
        await using Stream stream = await client.OpenBlobAsync(new ImageReference.InRegistry(registry.Host, "team/image", "1", null), Described, ct);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, 20_000, ct);
        return all.ToArray();
    }
}
