using System.Security.Cryptography;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// Unpacks one layer archive into one directory that nobody else touches, under one uid: owners are ignored, set-id bits dropped,
/// what the owner could not enter or read is made accessible, devices become empty files, and no name of the archive is ever followed outside.
/// </summary>
internal sealed class LayerExtractor : IDisposable
{
    private const long BlockBytes = 4096;
    private const int LinesAtOnce = 64 * 1024;
    private const int EntriesPerLook = 256;

    /// <summary>So many bytes of holes are hashed for one layer. A file beyond that, such as a log by user number of apparent terabytes, gets no digest.</summary>
    private const long HashedHoleBytes = 4L << 30;
    private readonly ExtractionLimits _limits;
    private readonly TreeWalker _walker;
    private readonly TreeWalker _targets;
    private readonly FileMaker _maker;
    private readonly LayerDirectories _directories = new();
    private readonly HashSet<EntryPath> _whiteouts = [];
    private readonly HashSet<EntryPath> _opaques = [];
    private readonly Dictionary<EntryPath, EntryPath> _borrowed = [];

    /// <summary>Hashes of the names made so far. Two names with one hash cost a moment and do no harm.</summary>
    private readonly HashSet<int> _taken = [];
    private readonly FileWriters _writers;
    private readonly IndexWriter? _index;
    private readonly IndexLines? _lines;
    private EntryPath _making;
    private bool _replaced;
    private bool _reused;
    private long _holesLeft = HashedHoleBytes;
    private long _entries;
    private long _dataBytes;
    private long _diskBytes;

    /// <param name="root">An empty directory.</param>
    /// <param name="index">Where every file is written down; null for not at all.</param>
    internal LayerExtractor(SafeFileHandle root, ExtractionLimits limits, IndexWriter? index = null)
    {
        _limits = limits;
        _index = index;
        _lines = index is null ? null : new IndexLines();
        _walker = new TreeWalker(root) { Creating = Settle, Created = _directories.Imply };
        _targets = new TreeWalker(root);
        _maker = new FileMaker(Replaced);
        _writers = new FileWriters(Math.Clamp(Environment.ProcessorCount / 2, 1, 4), index);
    }

    /// <summary>The archive is a whole tree and no layer: names that would remove something in layers below are names like others.</summary>
    internal bool Plain { get; init; }

    public void Dispose()
    {
        _writers.Dispose();
        _walker.Dispose();
        _targets.Dispose();
    }

    /// <summary>Unpacks the whole archive.</summary>
    /// <param name="overlayMarkers">Whether the file system takes overlay's whiteouts and attributes.</param>
    /// <exception cref="InvalidDataException">The archive is damaged or hostile; the entry is named.</exception>
    /// <exception cref="LinuxException">The file system refused.</exception>
    internal LayerIndex Extract(Stream archive, bool overlayMarkers, CancellationToken ct)
    {
        var reader = new TarEntryReader(archive);
        while (reader.Next() is { } entry)
        {
            ct.ThrowIfCancellationRequested();
            if (++_entries > _limits.MaxEntries)
            {
                throw new InvalidDataException($"the layer holds more than {_limits.MaxEntries} entries");
            }

            Take(entry, reader);
            if (_entries % EntriesPerLook == 0)
            {
                GarbagePace.Keep();
            }

            if (_lines?.Length > LinesAtOnce)
            {
                _index!.Append(_lines);
            }
        }

        DrainAll();
        bool marked = MakeMarkers(overlayMarkers);
        _directories.Finish(_walker, _lines);
        DrainAll();
        return new LayerIndex
        {
            Whiteouts = [.. _whiteouts.Order()],
            Opaques = [.. _opaques.Order()],
            Implied = [.. _directories.Implied.Order()],
            Borrowed = [.. _borrowed.Select(link => new BorrowedLink(link.Key, link.Value)).OrderBy(link => link.Path)],
            Entries = _entries,
            DataBytes = _dataBytes,
            DiskBytes = _diskBytes + (_directories.Count * BlockBytes),
            OverlayReady = marked && _borrowed.Count == 0,
        };
    }

    private void Take(TarEntry entry, TarEntryReader reader)
    {
        if (!EntryPath.TryParse(entry.Name, out EntryPath path, out string fault))
        {
            throw new InvalidDataException($"the entry '{EntryPath.ForPeople(entry.Name)}' is refused: {fault}");
        }

        if (path.IsRoot)
        {
            TakeRoot(entry);
            return;
        }

        string hidden = "";
        WhiteoutName.Meaning meaning = Plain ? WhiteoutName.Meaning.Entry : WhiteoutName.Classify(path, out hidden);
        if (meaning == WhiteoutName.Meaning.Ignored || (!Plain && IsBookkeeping(path.Parent)))
        {
            return;
        }

        SafeFileHandle parent = _walker.Open(path.Parent, create: true)!;
        switch (meaning)
        {
            case WhiteoutName.Meaning.Opaque:
                _opaques.Add(_walker.Current);
                break;
            case WhiteoutName.Meaning.Whiteout:
                _whiteouts.Add(_walker.Current.Child(hidden));
                break;
            default:
                Make(parent, _walker.Current.Child(Encoding.Latin1.GetString(path.Name)), entry, reader);
                break;
        }
    }

    private void TakeRoot(TarEntry entry)
    {
        if (entry.Kind != TarEntryKind.Directory)
        {
            throw new InvalidDataException($"the entry '{EntryPath.ForPeople(entry.Name)}' stands for the root and is not a directory");
        }

        _directories.State(EntryPath.Root, entry, hasMode: false);
    }

    private static bool IsBookkeeping(EntryPath path) =>
        path.Latin1.Contains(".wh..wh.", StringComparison.Ordinal) && path.Components.Any(c => c.StartsWith(".wh..wh.", StringComparison.Ordinal));

    /// <summary>A name that is used again, or that a directory is about to take, must be on disk first: then the rules for names that are taken apply.</summary>
    private void Settle(EntryPath path)
    {
        _reused = !_taken.Add(path.GetHashCode());
        if (_reused)
        {
            DrainAll();
        }
    }

    /// <summary>Everything is on disk, and in the index in the order of the archive, after this.</summary>
    private void DrainAll()
    {
        _writers.Drain();
        if (_lines is not null)
        {
            _index!.Append(_lines);
        }
    }

    private void Make(SafeFileHandle parent, EntryPath path, TarEntry entry, TarEntryReader reader)
    {
        _borrowed.Remove(path);
        Settle(path);
        _making = path;
        switch (entry.Kind)
        {
            case TarEntryKind.Directory:
                _directories.Make(parent, path, entry, _maker);
                break;
            case TarEntryKind.File:
                MakeFile(parent, path, entry, reader);
                break;
            case TarEntryKind.Symlink:
                _maker.Symlink(parent, path.Name, entry);
                Note('l', path, entry, Encoding.Latin1.GetString(entry.LinkName));
                break;
            case TarEntryKind.HardLink:
                _writers.Drain();
                MakeHardLink(parent, path, entry);
                break;
            default:
                _maker.Special(parent, path.Name, entry);
                Note('s', path, entry, null);
                break;
        }

        if (_replaced)
        {
            ForgetBelow(path, entry);
        }
    }

    private void Replaced()
    {
        _replaced = true;
        if (_lines is not null)
        {
            // At once: lines about what now comes below this path must stand after it.
            _lines.Add(new IndexEntry { Type = 'x', Path = _making }, []);
            _index!.Append(_lines);
        }
    }

    private void Note(char type, EntryPath path, TarEntry entry, string? target) =>
        _lines?.Add(new IndexEntry { Type = type, Path = path, Mode = entry.Mode, Modified = FileMaker.Clamp(entry.Modified), Target = target }, []);

    private void MakeFile(SafeFileHandle parent, EntryPath path, TarEntry entry, TarEntryReader reader)
    {
        if (entry.SizeBytes > _limits.MaxFileBytes)
        {
            throw new InvalidDataException($"the file '{path}' would have {entry.SizeBytes} bytes, more than the {_limits.MaxFileBytes} allowed");
        }

        long holes = FileMaker.HoleBytes(entry);
        _diskBytes += (entry.SizeBytes - holes + BlockBytes - 1) / BlockBytes * BlockBytes;
        if (entry.SizeBytes <= FileBatch.LargestFile && entry.Sparse.IsDefault && entry.Xattrs.IsEmpty && !_reused)
        {
            _writers.Add(parent, path, entry, reader);
            _dataBytes += entry.SizeBytes;
            return;
        }

        bool hashed = _lines is not null && holes <= _holesLeft;
        _holesLeft -= hashed ? holes : 0;
        using IncrementalHash? hash = !hashed ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        _dataBytes += _maker.File(parent, path.Name, (entry, reader), hash);
        var line = new IndexEntry { Type = 'f', Path = path, Mode = FileMaker.FileMode(entry), SizeBytes = entry.SizeBytes, Modified = FileMaker.Clamp(entry.Modified) };
        _lines?.Add(line, hash is null ? [] : hash.GetHashAndReset());
    }

    /// <summary>What was said of a directory that a later entry replaced is void, and so are descriptors kept open in it.</summary>
    private void ForgetBelow(EntryPath path, TarEntry entry)
    {
        _replaced = false;
        _targets.Forget();
        _directories.Forget(path);
        if (entry.Kind != TarEntryKind.Directory)
        {
            _directories.Remove(path);
        }

        _whiteouts.RemoveWhere(p => p.IsBelow(path));
        _opaques.RemoveWhere(p => p == path || p.IsBelow(path));
        foreach (EntryPath gone in _borrowed.Keys.Where(p => p.IsBelow(path)).ToList())
        {
            _borrowed.Remove(gone);
        }
    }

    private void MakeHardLink(SafeFileHandle parent, EntryPath path, TarEntry entry)
    {
        if (!EntryPath.TryParse(entry.LinkName, out EntryPath target, out string fault) || target.IsRoot)
        {
            string why = target.IsRoot && fault.Length == 0 ? "it is the root" : fault;
            throw new InvalidDataException($"the hard link '{path}' is refused: its target '{EntryPath.ForPeople(entry.LinkName)}' is impossible ({why})");
        }

        SafeFileHandle? targetParent = _targets.Open(target.Parent, create: false);
        if (targetParent is null || !_maker.HardLink(targetParent, target.Name, parent, path.Name))
        {
            EntryPath whole = targetParent is null ? target : _targets.Current.Child(Encoding.Latin1.GetString(target.Name));
            _maker.Make(parent, path.Name, "unlinkat", () => At.Stat(parent, path.Name, out _) == 0 ? Errno.EEXIST : 0);
            _borrowed[path] = whole;
            return;
        }

        Note('h', path, entry, _targets.Current.Child(Encoding.Latin1.GetString(target.Name)).Latin1);
    }

    /// <summary>
    /// Puts overlay's own markers where the layer hides something below it. What the layer itself has at a hidden path stays;
    /// a directory there hides the lower one's content by being opaque. Inside an opaque directory whiteouts hide nothing more and would be listed as ghosts.
    /// </summary>
    private bool MakeMarkers(bool overlayMarkers)
    {
        bool complete = true;
        foreach (EntryPath path in _whiteouts.Order())
        {
            SafeFileHandle parent = _walker.Open(path.Parent, create: true)!;
            bool there = At.Stat(parent, path.Name, out FileStat stat) == 0;
            if (there && stat.IsDirectory)
            {
                _opaques.Add(path);
            }
            else if (!there && !IsUnderOpaque(path))
            {
                complete &= overlayMarkers && Marked(At.MakeNode(parent, path.Name, Libc.S_IFCHR), path);
            }
        }

        foreach (EntryPath path in _opaques)
        {
            SafeFileHandle directory = _walker.Open(path, create: true)!;
            complete &= overlayMarkers && Marked(At.SetXattr(directory, "user.overlay.opaque"u8, "y"u8), path);
        }

        return complete;
    }

    /// <summary>A full disk is no reason to keep a layer without its marks for good.</summary>
    private static bool Marked(int errno, EntryPath path) =>
        errno is Errno.ENOSPC or Errno.EDQUOT ? throw new LinuxException("mark", path.ToString(), errno) : errno == 0;

    private bool IsUnderOpaque(EntryPath path)
    {
        for (EntryPath above = path; !above.IsRoot;)
        {
            above = above.Parent;
            if (_opaques.Contains(above))
            {
                return true;
            }
        }

        return false;
    }
}
