using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// A tree in the making to which layers are added, base first. In every directory the layer's removals come before its additions,
/// so the order of entries in the archive does not matter.
/// </summary>
internal sealed class FlatTree : IDisposable
{
    private const uint OwnerAll = 0x1C0;

    private readonly SafeFileHandle _root;
    private readonly SafeFileHandle _borrowed;
    private readonly TreeWalker _walker;
    private readonly FileMaker _maker;
    private readonly Dictionary<EntryPath, (uint Mode, FileTime Modified)> _directories = [];

    /// <param name="tree">An empty directory.</param>
    /// <param name="borrowed">Another one on the same file system, for links on their way from one layer to the next.</param>
    internal FlatTree(string tree, string borrowed)
    {
        _root = At.OpenDirectory(tree);
        _borrowed = At.OpenDirectory(borrowed);
        _walker = new TreeWalker(_root);
        _maker = new FileMaker(() => { });
    }

    public void Dispose()
    {
        _walker.Dispose();
        _borrowed.Dispose();
        _root.Dispose();
    }

    internal void Add(StoredLayer layer, CancellationToken ct)
    {
        using SafeFileHandle source = At.OpenDirectory(layer.Tree);
        var state = new Adding(layer, ct);
        Borrow(layer);
        Merge(source, _root, new Place(EntryPath.Root, EntryPath.Root), state);
        PlaceBorrowed(layer);
    }

    /// <summary>Modes and times of directories, deepest first.</summary>
    internal void FinishDirectories()
    {
        _walker.Forget();
        foreach ((EntryPath path, (uint mode, FileTime modified)) in _directories.OrderByDescending(d => d.Key.Depth))
        {
            SafeFileHandle? parent = OpenStrictly(path.Parent);
            if (parent is null || At.OpenSubdirectory(parent, path.IsRoot ? "."u8 : path.Name, out SafeFileHandle? directory) != 0)
            {
                // A later layer removed or replaced it.
                continue;
            }

            using (directory)
            {
                FileMaker.Demand(Libc.ChangeMode(directory!, mode) == 0 ? 0 : Errno.Last, "fchmod", path.Name);
                FileMaker.Demand(At.SetTimes(directory!, modified), "futimens", path.Name);
            }
        }
    }

    private SafeFileHandle? OpenStrictly(EntryPath path)
    {
        try
        {
            SafeFileHandle? directory = _walker.Open(path, create: false);
            return _walker.Current == path ? directory : null;
        }
        catch (InvalidDataException)
        {
            // Not a directory any more.
            return null;
        }
    }

    private void Merge(SafeFileHandle source, SafeFileHandle target, Place place, Adding state)
    {
        state.Ct.ThrowIfCancellationRequested();
        FileMaker.Demand(At.Stat(source, [], out FileStat attributes), "statx", place.InLayer.Name);
        if (!state.Implied.Contains(place.InLayer) || !_directories.ContainsKey(place.InTree))
        {
            _directories[place.InTree] = (attributes.Permissions, attributes.Modified);
        }

        RemoveHidden(target, place, state);
        foreach (byte[] name in At.Names(source))
        {
            FileMaker.Demand(At.Stat(source, name, out FileStat stat), "statx", name);
            if (stat.IsDirectory)
            {
                MergeDirectory(source, target, place.Child(name), state);
            }
            else if (!stat.IsCharacterDevice)
            {
                Link(source, target, name, stat);
            }
        }
    }

    private static void RemoveHidden(SafeFileHandle target, Place place, Adding state)
    {
        if (state.Opaques.Contains(place.InLayer))
        {
            At.Names(target).ForEach(name => TreeRemover.Remove(target, name));
            return;
        }

        foreach (EntryPath whiteout in state.Whiteouts[place.InLayer])
        {
            TreeRemover.Remove(target, whiteout.Name);
        }
    }

    private void MergeDirectory(SafeFileHandle source, SafeFileHandle target, Place place, Adding state)
    {
        byte[] name = place.InLayer.Name;
        FileMaker.Demand(At.OpenSubdirectory(source, name, out SafeFileHandle? below), "openat", name);
        using (below)
        {
            bool there = At.Stat(target, name, out FileStat stat) == 0;
            if (there && stat.IsSymlink && state.Implied.Contains(place.InLayer) && Follow(place.InTree) is { } linked)
            {
                using (linked.Directory)
                {
                    Merge(below!, linked.Directory, place with { InTree = linked.Path }, state);
                }

                return;
            }

            if (!there || !stat.IsDirectory)
            {
                _maker.Make(target, name, "mkdirat", () => At.MakeDirectory(target, name, OwnerAll));
                _directories.Remove(place.InTree);
            }

            FileMaker.Demand(At.OpenSubdirectory(target, name, out SafeFileHandle? into), "openat", name);
            using (into)
            {
                Merge(below!, into!, place, state);
            }
        }
    }

    /// <summary>A layer that says nothing of a directory but puts things below it means the directory that is there, be it through a link.</summary>
    private (SafeFileHandle Directory, EntryPath Path)? Follow(EntryPath path)
    {
        _walker.Forget();
        try
        {
            SafeFileHandle? found = _walker.Open(path, create: false);
            return found is not null && At.OpenSubdirectory(found, "."u8, out SafeFileHandle? own) == 0 ? (own!, _walker.Current) : null;
        }
        catch (InvalidDataException)
        {
            // The link leads nowhere useful; it is replaced.
            return null;
        }
        finally
        {
            _walker.Forget();
        }
    }

    private void Link(SafeFileHandle source, SafeFileHandle target, byte[] name, FileStat stat)
    {
        bool full = false;
        _maker.Make(target, name, "linkat", () =>
        {
            int errno = At.Link(source, name, target, name);
            full = errno is Errno.EMLINK or Errno.EXDEV or Errno.EPERM;
            return full ? 0 : errno;
        });
        if (full)
        {
            _maker.Copy(source, name, target, stat);
        }
    }

    /// <summary>Takes hold of link targets before this layer's removals.</summary>
    private void Borrow(StoredLayer layer)
    {
        _walker.Forget();
        for (int i = 0; i < layer.Index.Borrowed.Length; i++)
        {
            BorrowedLink link = layer.Index.Borrowed[i];
            SafeFileHandle? parent = _walker.Open(link.Target.Parent, create: false);
            if (parent is null || !_maker.HardLink(parent, link.Target.Name, _borrowed, Number(i)))
            {
                throw new InvalidDataException($"the hard link '{link.Path}' in layer {layer.DiffId} points to '{link.Target}', which no layer holds");
            }
        }
    }

    private void PlaceBorrowed(StoredLayer layer)
    {
        _walker.Forget();
        for (int i = 0; i < layer.Index.Borrowed.Length; i++)
        {
            EntryPath path = layer.Index.Borrowed[i].Path;
            SafeFileHandle parent = _walker.Open(path.Parent, create: true)!;
            TreeRemover.Remove(parent, path.Name);
            FileMaker.Demand(At.Rename(_borrowed, Number(i), parent, path.Name), "renameat", path.Name);
        }

        _walker.Forget();
    }

    private static byte[] Number(int index) => Encoding.ASCII.GetBytes(index.ToString(CultureInfo.InvariantCulture));

    /// <summary>The same directory in the layer and in the tree; they differ only below a followed link.</summary>
    private sealed record Place(EntryPath InLayer, EntryPath InTree)
    {
        internal Place Child(byte[] name)
        {
            string text = Encoding.Latin1.GetString(name);
            return new Place(InLayer.Child(text), InTree.Child(text));
        }
    }

    private sealed class Adding(StoredLayer layer, CancellationToken ct)
    {
        internal CancellationToken Ct { get; } = ct;

        internal HashSet<EntryPath> Implied { get; } = [.. layer.Index.Implied];

        internal HashSet<EntryPath> Opaques { get; } = [.. layer.Index.Opaques];

        internal ILookup<EntryPath, EntryPath> Whiteouts { get; } = layer.Index.Whiteouts.ToLookup(path => path.Parent);
    }
}
