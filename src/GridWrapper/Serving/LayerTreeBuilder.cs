using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>
/// Makes the tree of a layer of the entries of its archive, in their order. What comes out is what <see cref="LayerExtractor"/> makes on disk, with the same refusals: owners are
/// ignored, set-id bits dropped, what the owner could not enter or read is made accessible, devices are empty files, and no name is ever followed outside.
/// </summary>
internal sealed class LayerTreeBuilder
{
    /// <summary>All names and targets of links together: forty times those of the largest HEP image.</summary>
    internal const int MaxTextBytes = 512 << 20;

    /// <summary>Extended attributes of all files together. Each entry of an archive could hold a megabyte of them.</summary>
    internal const long MaxAttributeBytes = 64 << 20;

    private const uint DirectoryBits = 0x3FF;
    private const uint OwnerAll = 0x1C0;
    private const uint LinkBits = 0x1FF;
    private const uint NineBits = 0x1FF;
    private const uint PlaceholderMode = 0x1A4;
    private const int MaxAttributeValue = 65536;
    private readonly ExtractionLimits _limits;
    private readonly NodeTable _table = new();
    private readonly NodeWalker _walker;
    private readonly NodeWalker _targets;
    private readonly HashSet<int> _implied = [NodeTable.Root];
    private readonly HashSet<int> _opaques = [];
    private readonly List<NameInDirectory> _whiteouts = [];
    private readonly Dictionary<string, (int Directory, BorrowedName Link)> _borrowed = new(StringComparer.Ordinal);
    private byte[] _lastPath = [];
    private int _lastDirectory = NodeTable.Root;
    private long _entries;
    private long _dataBytes;
    private long _attributeBytes;

    internal LayerTreeBuilder(ExtractionLimits limits)
    {
        _limits = limits;
        _walker = new NodeWalker(_table) { Created = made => _implied.Add(made) };
        _targets = new NodeWalker(_table);
    }

    /// <summary>The next entry of the archive.</summary>
    /// <param name="data">Where the content of a regular file is, in the numbers of whoever will serve it.</param>
    /// <exception cref="InvalidDataException">The entry is refused.</exception>
    internal void Add(TarEntry entry, long data)
    {
        if (++_entries > _limits.MaxEntries || _table.Count > _limits.MaxEntries)
        {
            throw new InvalidDataException($"the layer holds more than {_limits.MaxEntries} entries");
        }

        EntryName name = EntryName.Parse(entry.Name);
        if (name.IsRoot)
        {
            State(NodeTable.Root, entry.Kind == TarEntryKind.Directory ? entry : throw new InvalidDataException($"the entry '{EntryPath.ForPeople(entry.Name)}' stands for the root and is not a directory"));
        }
        else if (name.Path.IndexOf(".wh."u8) < 0 || !TakeMark(name))
        {
            Make(Directory(name.Parent), name.Last, entry, data);
        }

        if (_table.Text.Length > MaxTextBytes)
        {
            throw new InvalidDataException($"the names and links of the layer have more than {MaxTextBytes} bytes");
        }
    }

    /// <summary>What the entries made.</summary>
    internal LayerTree Finish() => new(_table)
    {
        Whiteouts = [.. _whiteouts.Where(name => IsThere(name.Directory))],
        Opaques = [.. _opaques.Where(IsThere).Order()],
        Implied = [.. _implied.Where(IsThere).Order()],
        Borrowed = [.. _borrowed.Values.Where(link => IsThere(link.Directory)).Select(link => link.Link).OrderBy(link => Encoding.Latin1.GetString(link.Path), StringComparer.Ordinal)],
        Entries = _entries,
        DataBytes = _dataBytes,
    };

    /// <summary>What was said of a directory that a later entry replaced is void.</summary>
    private bool IsThere(int directory) => directory == NodeTable.Root || _table[directory].Links > 0;

    /// <summary>The same rules as <see cref="WhiteoutName"/> has; false for an entry like others.</summary>
    private bool TakeMark(in EntryName name)
    {
        WhiteoutName.Meaning meaning = WhiteoutName.Classify(EntryPath.FromLatin1(Encoding.Latin1.GetString(name.Path)), out string hidden);
        bool bookkeeping = name.Parent.StartsWith(".wh..wh."u8) || name.Parent.IndexOf("/.wh..wh."u8) >= 0;
        if (meaning == WhiteoutName.Meaning.Ignored || bookkeeping)
        {
            return true;
        }

        if (meaning == WhiteoutName.Meaning.Opaque)
        {
            _opaques.Add(Directory(name.Parent));
        }
        else if (meaning == WhiteoutName.Meaning.Whiteout)
        {
            _whiteouts.Add(new NameInDirectory(Directory(name.Parent), Encoding.Latin1.GetBytes(hidden)));
        }

        return meaning != WhiteoutName.Meaning.Entry;
    }

    /// <summary>Neighbours stand together in an archive. What was found for a path holds until a name changes its meaning.</summary>
    private int Directory(ReadOnlySpan<byte> path)
    {
        if (_lastDirectory < 0 || !path.SequenceEqual(_lastPath))
        {
            _lastDirectory = _walker.Walk(path, create: true);
            _lastPath = path.ToArray();
        }

        return _lastDirectory;
    }

    private void Make(int directory, ReadOnlySpan<byte> name, TarEntry entry, long data)
    {
        if (_borrowed.Count > 0)
        {
            _borrowed.Remove(Key(directory, name));
        }

        FileTime modified = FileMaker.Clamp(entry.Modified);
        var node = new Node { Seconds = modified.Seconds, Nanoseconds = (int)modified.Nanoseconds };
        switch (entry.Kind)
        {
            case TarEntryKind.Directory:
                MakeDirectory(directory, name, entry);
                break;
            case TarEntryKind.File:
                MakeFile(directory, name, entry, node with { Data = data });
                break;
            case TarEntryKind.Symlink:
                bool possible = entry.LinkName.Length is > 0 and <= EntryPath.MaxPathBytes && !entry.LinkName.AsSpan().Contains((byte)0);
                ReadOnlySpan<byte> target = possible ? entry.LinkName : throw new InvalidDataException($"the symbolic link '{EntryPath.ForPeople(entry.Name)}' has an empty or impossible target");
                Put(directory, name, _table.AddLink(node with { Mode = NodeKind.Link | LinkBits }, target));
                break;
            case TarEntryKind.HardLink:
                MakeHardLink(directory, name, entry);
                break;
            default:
                uint mode = entry.Kind == TarEntryKind.Fifo ? NodeKind.Fifo | (entry.Mode & NineBits) : NodeKind.File | PlaceholderMode;
                Put(directory, name, _table.Add(node with { Mode = mode }));
                break;
        }
    }

    private void MakeDirectory(int directory, ReadOnlySpan<byte> name, TarEntry entry)
    {
        int there = _table.Find(directory, name);
        if (there < 0 || !NodeKind.IsDirectory(_table[there].Mode))
        {
            there = _table.Add(new Node { Mode = NodeKind.Directory });
            Put(directory, name, there);
        }

        State(there, entry);
    }

    /// <summary>A directory has the attributes of the last entry that names it.</summary>
    private void State(int directory, TarEntry entry)
    {
        _implied.Remove(directory);
        FileTime modified = FileMaker.Clamp(entry.Modified);
        ref Node node = ref _table[directory];
        node.Mode = NodeKind.Directory | (entry.Mode & DirectoryBits) | OwnerAll;
        (node.Seconds, node.Nanoseconds) = (modified.Seconds, (int)modified.Nanoseconds);
        _table.Attributes.Remove(directory);
        KeepAttributes(directory, entry);
    }

    private void MakeFile(int directory, ReadOnlySpan<byte> name, TarEntry entry, in Node node)
    {
        if (entry.SizeBytes > _limits.MaxFileBytes)
        {
            _walker.Walk(EntryName.Parse(entry.Name).Parent, create: true);
            throw new InvalidDataException($"the file '{EntryPath.ForPeople(_walker.PathOf(name))}' would have {entry.SizeBytes} bytes, more than the {_limits.MaxFileBytes} allowed");
        }

        int made = _table.Add(node with { Mode = NodeKind.File | FileMaker.FileMode(entry), Size = entry.SizeBytes });
        Put(directory, name, made);
        KeepAttributes(made, entry);
        _dataBytes += entry.SizeBytes - FileMaker.HoleBytes(entry);
    }

    /// <summary>A target that is not in this layer is one of the layers below.</summary>
    private void MakeHardLink(int directory, ReadOnlySpan<byte> name, TarEntry entry)
    {
        _walker.Walk(EntryName.Parse(entry.Name).Parent, create: true);
        byte[] path = _walker.PathOf(name);
        if (!EntryPath.TryParse(entry.LinkName, out EntryPath wanted, out string fault) || wanted.IsRoot)
        {
            string why = wanted.IsRoot && fault.Length == 0 ? "it is the root" : fault;
            throw new InvalidDataException($"the hard link '{EntryPath.ForPeople(path)}' is refused: its target '{EntryPath.ForPeople(entry.LinkName)}' is impossible ({why})");
        }

        byte[] last = wanted.Name;
        int parent = _targets.Walk(Encoding.Latin1.GetBytes(wanted.Parent.Latin1), create: false);
        int target = parent < 0 ? NodeTable.None : _table.Find(parent, last);
        if (target < 0)
        {
            Free(directory, name);
            _borrowed[Key(directory, name)] = (directory, new BorrowedName(path, parent < 0 ? Encoding.Latin1.GetBytes(wanted.Latin1) : _targets.PathOf(last)));
        }
        else if (NodeKind.IsDirectory(_table[target].Mode))
        {
            throw new InvalidDataException($"the hard link '{EntryPath.ForPeople(name)}' points to a directory");
        }
        else if (_table.Find(directory, name) != target)
        {
            Free(directory, name);
            Put(directory, name, _table.Find(parent, last) == target ? target : throw new InvalidDataException($"the hard link '{EntryPath.ForPeople(path)}' replaces a directory that holds its target"));
        }
    }

    /// <summary>The later entry of an archive wins.</summary>
    private void Put(int directory, ReadOnlySpan<byte> name, int node) => Changed(_table.Set(directory, name, node));

    private void Free(int directory, ReadOnlySpan<byte> name) => Changed(_table.Remove(directory, name));

    /// <summary>A path may mean something else after a name was taken from something.</summary>
    private void Changed(bool changed) => _lastDirectory = changed ? NodeTable.None : _lastDirectory;

    private void KeepAttributes(int node, TarEntry entry)
    {
        if (entry.Xattrs.IsEmpty)
        {
            return;
        }

        Dictionary<string, byte[]> kept = new(StringComparer.Ordinal);
        foreach ((string attribute, byte[] value) in entry.Xattrs)
        {
            if (FileMaker.MayKeep(attribute) && value.Length <= MaxAttributeValue && Encoding.UTF8.GetByteCount(attribute) <= EntryPath.MaxNameBytes)
            {
                kept[attribute] = value;
                _attributeBytes += attribute.Length + value.Length;
            }
        }

        if (_attributeBytes > MaxAttributeBytes)
        {
            throw new InvalidDataException($"the extended attributes of the layer have more than {MaxAttributeBytes} bytes");
        }

        if (kept.Count > 0)
        {
            _table.Attributes[node] = [.. kept.Select(attribute => (Encoding.UTF8.GetBytes(attribute.Key), attribute.Value))];
        }
    }

    private static string Key(int directory, ReadOnlySpan<byte> name) => string.Create(CultureInfo.InvariantCulture, $"{directory}/{Encoding.Latin1.GetString(name)}");
}
