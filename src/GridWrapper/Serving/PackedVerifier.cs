using System.Security.Cryptography;
using GridWrapper.Images;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>Reads a packed layer again: its archive has the digest that the image promises, which covers every file in it, and its index is what was written.</summary>
internal sealed class PackedVerifier(string directory)
{
    /// <summary>Bytes that were read and digested.</summary>
    internal long BytesRead { get; private set; }

    /// <summary>What is wrong; empty for a good layer.</summary>
    internal ImmutableArray<string> Verify(CancellationToken ct)
    {
        try
        {
            PackedIndex index = PackedIndexFile.Read($"{directory}/{PackedLayer.IndexName}");
            Digest found = Read($"{directory}/{PackedLayer.DataName}", ct);
            return found != index.DiffId ? [$"its archive has the digest {found} instead of {index.DiffId}"]
                : index.DiffId.Hex != Path.GetFileName(directory) ? [$"it is the layer {index.DiffId}"]
                : [];
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return [e.Message];
        }
    }

    private Digest Read(string path, CancellationToken ct)
    {
        byte[] buffer = new byte[128 * 1024];
        using SafeFileHandle file = File.OpenHandle(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = 0; RandomAccess.Read(file, buffer, at) is > 0 and int got; at += got)
        {
            ct.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, got);
            BytesRead += got;
        }

        return Digest.FromHash(hash.GetHashAndReset());
    }
}
