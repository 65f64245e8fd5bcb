namespace GridWrapper.Serving;

/// <summary>Reads what a packed layer has beside its archive, in either form.</summary>
internal static class PackedFiles
{
    /// <exception cref="InvalidDataException">It is damaged, or its files do not belong together.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static PackedLayer Read(string directory)
    {
        bool inflated = File.Exists($"{directory}/{PackedLayer.IndexName}");
        (CheckpointTable? table, PackedIndex index) = inflated ? (null, PackedIndexFile.Read($"{directory}/{PackedLayer.IndexName}")) : Compressed($"{directory}/{PackedLayer.EntryName}");
        string name = inflated ? PackedLayer.DataName : PackedLayer.BlobName;
        long there = new FileInfo($"{directory}/{name}").Length;
        long due = table?.BlobBytes ?? index.ArchiveBytes;
        return there == due
            ? new PackedLayer(index.DiffId, directory, index, WasCached: true) { Checkpoints = table }
            : throw new InvalidDataException($"its {(inflated ? "archive" : "blob")} has {there} bytes instead of {due}");
    }

    private static (CheckpointTable? Table, PackedIndex Index) Compressed(string path)
    {
        (CheckpointTable table, PackedIndex index) = CheckpointFile.Read(path);
        return table.Blob == index.Blob && table.BlobBytes == index.BlobBytes && table.ArchiveBytes == index.ArchiveBytes
            ? (table, index)
            : throw new InvalidDataException($"its checkpoints are those of {table.Blob}");
    }
}
