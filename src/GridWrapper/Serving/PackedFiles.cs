using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>Reads what a packed layer has beside its archive, in either form.</summary>
internal static class PackedFiles
{
    /// <exception cref="InvalidDataException">It is damaged, or its files do not belong together.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static PackedLayer Read(string directory)
    {
        bool inflated = File.Exists($"{directory}/{PackedLayer.IndexName}");
        PackedIndex index = PackedIndexFile.Read($"{directory}/{(inflated ? PackedLayer.IndexName : PackedLayer.TreeName)}");
        CheckpointTable? table = inflated ? null : Table($"{directory}/{PackedLayer.CheckpointsName}", index);
        string name = inflated ? PackedLayer.DataName : PackedLayer.BlobName;
        long there = new FileInfo($"{directory}/{name}").Length;
        long due = table?.BlobBytes ?? index.ArchiveBytes;
        return there == due
            ? new PackedLayer(index.DiffId, directory, index, WasCached: true) { Checkpoints = table }
            : throw new InvalidDataException($"its {(inflated ? "archive" : "blob")} has {there} bytes instead of {due}");
    }

    private static CheckpointTable Table(string path, PackedIndex index)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        CheckpointTable table = CheckpointFile.Read(file);
        return table.Blob == index.Blob && table.BlobBytes == index.BlobBytes && table.ArchiveBytes == index.ArchiveBytes
            ? table
            : throw new InvalidDataException($"its checkpoints are those of {table.Blob}");
    }
}
