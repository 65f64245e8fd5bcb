namespace GridWrapper.Registries;

/// <summary>An OCI image layout directory.</summary>
internal sealed class DirectoryFiles(string path) : IImageFiles
{
    public string Description => path;

    public long? SizeOf(string name) => new FileInfo(Path.Combine(path, name)) is { Exists: true } file ? file.Length : null;

    public Stream Open(string name) => File.OpenRead(Path.Combine(path, name));
}
