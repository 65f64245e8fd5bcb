using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>
/// A tar archive, plain or compressed, used in place: an index of names and offsets is made by one pass, and a file is read where it lies.
/// In a compressed archive that means inflating again up to there, which costs time but no space.
/// </summary>
internal sealed class ArchiveFiles : IImageFiles
{
    private const int MaxEntries = 100_000;
    private const int MaxLinks = 8;
    private readonly string _path;
    private readonly bool _compressed;
    private readonly Dictionary<string, (long Offset, long Size)> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _links = new(StringComparer.Ordinal);

    private ArchiveFiles(string path, bool compressed)
    {
        _path = path;
        _compressed = compressed;
    }

    public string Description => _path;

    /// <exception cref="InvalidDataException">Not a tar archive, or cut short.</exception>
    internal static ArchiveFiles Index(string path, CancellationToken ct)
    {
        using FileStream file = File.OpenRead(path);
        using Stream tar = Decompression.Open(file);
        var archive = new ArchiveFiles(path, tar is not PrefixedStream);
        var reader = new TarEntryReader(tar);
        for (int count = 0; reader.Next() is { } entry; count++)
        {
            ct.ThrowIfCancellationRequested();
            if (count > MaxEntries || !EntryPath.TryParse(entry.Name, out EntryPath name, out string fault))
            {
                throw new InvalidDataException(count > MaxEntries ? $"it holds more than {MaxEntries} files" : $"the name '{EntryPath.ForPeople(entry.Name)}' is refused");
            }

            archive.Take(name, entry, reader.Position);
        }

        return archive;
    }

    public long? SizeOf(string name) => Resolve(name) is { } real ? _files[real].Size : null;

    public Stream Open(string name)
    {
        (long offset, long size) = Resolve(name) is { } real ? _files[real] : throw new FileNotFoundException($"{_path} holds no '{name}'");
        FileStream file = File.OpenRead(_path);
        if (!_compressed)
        {
            file.Position = offset;
            return new BoundedStream(file, 0, size);
        }

        return new BoundedStream(Decompression.Open(file), offset, size);
    }

    private void Take(EntryPath name, TarEntry entry, long offset)
    {
        string text = Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(name.Latin1));
        _files.Remove(text);
        _links.Remove(text);
        if (entry.Kind == TarEntryKind.File && entry.Sparse.IsDefault)
        {
            _files[text] = (offset, entry.SizeBytes);
        }
        else if (entry.Kind is TarEntryKind.HardLink or TarEntryKind.Symlink)
        {
            // docker save writes layers that occur twice as "../ID/layer.tar".
            string target = Encoding.UTF8.GetString(entry.LinkName);
            string folder = entry.Kind == TarEntryKind.Symlink ? "/" + Path.GetDirectoryName(text) : "/";
            _links[text] = Path.GetFullPath(target, folder).TrimStart('/');
        }
    }

    private string? Resolve(string name)
    {
        for (int hop = 0; hop <= MaxLinks; hop++)
        {
            if (_files.ContainsKey(name))
            {
                return name;
            }

            if (!_links.TryGetValue(name, out string? next))
            {
                return null;
            }

            name = next;
        }

        return null;
    }
}
