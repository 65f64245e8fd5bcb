using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// Unpacks one layer archive into one directory that nobody else touches, under one uid: owners are ignored, set-id bits dropped,
/// what the owner could not enter or read is made accessible, devices become empty files, and no name of the archive is ever followed outside.
/// </summary>
internal sealed class LayerExtractor : IDisposable
{
    private const uint DirectoryBits = 0x3FF;
    private const uint OwnerAll = 0x1C0;
    private const uint ImpliedMode = 0x1ED;

    private readonly SafeFileHandle _root;
    private readonly ExtractionLimits _limits;
    private readonly TreeWalker _walker;
    private readonly TreeWalker _targets;
    private readonly FileMaker _maker;
    private readonly Dictionary<EntryPath, DirectoryAttributes> _directories = [];
    private readonly HashSet<EntryPath> _implied = [EntryPath.Root];
    private readonly HashSet<EntryPath> _whiteouts = [];
    private readonly HashSet<EntryPath> _opaques = [];
    private readonly Dictionary<EntryPath, EntryPath> _borrowed = [];
    private bool _replaced;
    private long _entries;
    private long _dataBytes;

    /// <param name="root">An empty directory.</param>
    internal LayerExtractor(SafeFileHandle root, ExtractionLimits limits)
    {
        _root = root;
        _limits = limits;
        _walker = new TreeWalker(root) { Created = path => _implied.Add(path) };
        _targets = new TreeWalker(root);
        _maker = new FileMaker(() => _replaced = true);
    }

    public void Dispose()
    {
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
        }

        bool marked = MakeMarkers(overlayMarkers);
        FinishDirectories();
        return new LayerIndex
        {
            Whiteouts = [.. _whiteouts.Order()],
            Opaques = [.. _opaques.Order()],
            Implied = [.. _implied.Order()],
            Borrowed = [.. _borrowed.Select(link => new BorrowedLink(link.Key, link.Value)).OrderBy(link => link.Path)],
            Entries = _entries,
            DataBytes = _dataBytes,
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

        WhiteoutName.Meaning meaning = WhiteoutName.Classify(path, out string hidden);
        if (meaning == WhiteoutName.Meaning.Ignored || path.Parent.Components.Any(c => c.StartsWith(".wh..wh.", StringComparison.Ordinal)))
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

        Remember(EntryPath.Root, entry);
    }

    private void Make(SafeFileHandle parent, EntryPath path, TarEntry entry, TarEntryReader reader)
    {
        byte[] name = path.Name;
        _borrowed.Remove(path);
        switch (entry.Kind)
        {
            case TarEntryKind.Directory:
                MakeDirectory(parent, path, entry);
                break;
            case TarEntryKind.File:
                _dataBytes += _maker.File(parent, name, entry, reader);
                break;
            case TarEntryKind.Symlink:
                _maker.Symlink(parent, name, entry);
                break;
            case TarEntryKind.HardLink:
                MakeHardLink(parent, path, entry);
                break;
            default:
                _maker.Special(parent, name, entry);
                break;
        }

        if (_replaced)
        {
            ForgetBelow(path);
        }
    }

    /// <summary>What was said of a directory that a later entry replaced is void, and so are descriptors kept open in it.</summary>
    private void ForgetBelow(EntryPath path)
    {
        _replaced = false;
        _targets.Forget();
        _whiteouts.RemoveWhere(p => p.IsBelow(path));
        _opaques.RemoveWhere(p => p == path || p.IsBelow(path));
        _implied.RemoveWhere(p => p == path || p.IsBelow(path));
        foreach (EntryPath gone in _borrowed.Keys.Where(p => p.IsBelow(path)).ToList())
        {
            _borrowed.Remove(gone);
        }
    }

    private void MakeDirectory(SafeFileHandle parent, EntryPath path, TarEntry entry)
    {
        byte[] name = path.Name;
        if (At.Stat(parent, name, out FileStat there) != 0 || !there.IsDirectory)
        {
            _maker.Make(parent, name, "mkdirat", () => At.MakeDirectory(parent, name, OwnerAll));
        }

        Remember(path, entry);
    }

    private void Remember(EntryPath path, TarEntry entry)
    {
        _implied.Remove(path);
        _directories[path] = new DirectoryAttributes((entry.Mode & DirectoryBits) | OwnerAll, FileMaker.Clamp(entry.Modified), entry.Xattrs);
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
        }
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
                complete &= overlayMarkers && At.MakeNode(parent, path.Name, Libc.S_IFCHR) == 0;
            }
        }

        foreach (EntryPath path in _opaques)
        {
            SafeFileHandle directory = _walker.Open(path, create: true)!;
            complete &= overlayMarkers && At.SetXattr(directory, "user.overlay.opaque"u8, "y"u8) == 0;
        }

        return complete;
    }

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

    /// <summary>Modes and times of directories come last, deepest first: making children changes times, and modes may forbid it.</summary>
    private void FinishDirectories()
    {
        foreach (EntryPath path in _implied.OrderByDescending(p => p.Depth))
        {
            Apply(path, new DirectoryAttributes(ImpliedMode, new FileTime(0, 0), []));
        }

        foreach ((EntryPath path, DirectoryAttributes attributes) in _directories.OrderByDescending(d => d.Key.Depth))
        {
            Apply(path, attributes);
        }
    }

    private void Apply(EntryPath path, DirectoryAttributes attributes)
    {
        SafeFileHandle? parent = _walker.Open(path.Parent, create: false);
        if (parent is null || _walker.Current != path.Parent)
        {
            return;
        }

        int errno = At.OpenSubdirectory(parent, path.IsRoot ? "."u8 : path.Name, out SafeFileHandle? directory);
        if (errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            // A later entry of the archive took its place.
            return;
        }

        using (directory)
        {
            FileMaker.Demand(errno, "openat", path.Name);
            foreach ((string name, byte[] value) in attributes.Xattrs.Where(x => FileMaker.MayKeep(x.Name)))
            {
                _ = At.SetXattr(directory!, Encoding.UTF8.GetBytes(name), value);
            }

            FileMaker.Demand(Libc.ChangeMode(directory!, attributes.Mode) == 0 ? 0 : Errno.Last, "fchmod", path.Name);
            FileMaker.Demand(At.SetTimes(directory!, attributes.Modified), "futimens", path.Name);
        }
    }

    private sealed record DirectoryAttributes(uint Mode, FileTime Modified, ImmutableArray<(string Name, byte[] Value)> Xattrs);
}
