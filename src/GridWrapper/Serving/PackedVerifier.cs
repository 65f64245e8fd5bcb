using System.Security.Cryptography;
using GridWrapper.Images;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>Reads a packed layer again: its archive, or the blob it came in, has the digest that the image promises, which covers every file in it, and what stands beside it is what was written.</summary>
internal sealed class PackedVerifier(string directory)
{
    /// <summary>Bytes that were read and digested.</summary>
    internal long BytesRead { get; private set; }

    /// <summary>What is wrong; empty for a good layer.</summary>
    internal ImmutableArray<string> Verify(CancellationToken ct)
    {
        try
        {
            PackedLayer layer = PackedFiles.Read(directory);
            (string what, string name, Digest due) = layer.Checkpoints is { } table ? ("blob", PackedLayer.BlobName, table.Blob) : ("archive", PackedLayer.DataName, layer.DiffId);
            Digest found = Read($"{directory}/{name}", ct);
            return found != due ? [$"its {what} has the digest {found} instead of {due}"]
                : layer.DiffId.Hex != Path.GetFileName(directory) ? [$"it is the layer {layer.DiffId}"]
                : layer.Checkpoints is null ? []
                : Windows(layer.Checkpoints, ct);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return [e.Message];
        }
    }

    /// <summary>The rest of the file of checkpoints was looked at when it was read.</summary>
    private ImmutableArray<string> Windows(CheckpointTable table, CancellationToken ct)
    {
        using SafeFileHandle file = File.OpenHandle($"{directory}/{PackedLayer.EntryName}");
        foreach (Checkpoint point in table.Checkpoints)
        {
            ct.ThrowIfCancellationRequested();
            _ = CheckpointFile.ReadWindow(file, point);
            BytesRead += point.WindowBytes;
        }

        return [];
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
