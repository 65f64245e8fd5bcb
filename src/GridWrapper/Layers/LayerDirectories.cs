using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// The directories of a layer while it is unpacked. Their times come last, deepest first, because making children changes them; their modes are set when
/// they are made wherever the umask lets them be.
/// </summary>
internal sealed class LayerDirectories
{
    private const uint DirectoryBits = 0x3FF;
    private const uint OwnerAll = 0x1C0;
    private const uint ImpliedMode = 0x1ED;
    private readonly Dictionary<EntryPath, Attributes> _stated = [];
    private readonly HashSet<EntryPath> _implied = [EntryPath.Root];

    internal IEnumerable<EntryPath> Implied => _implied;

    /// <summary>Directories there are, the root among them.</summary>
    internal int Count => _stated.Count + _implied.Count;

    /// <summary>A directory that had to be made for something below it.</summary>
    internal void Imply(EntryPath path) => _implied.Add(path);

    /// <summary>Makes the directory of an entry; one that is there gets the entry's attributes.</summary>
    internal void Make(SafeFileHandle parent, EntryPath path, TarEntry entry, FileMaker maker)
    {
        byte[] name = path.Name;
        uint mode = (entry.Mode & DirectoryBits) | OwnerAll;
        int errno = At.MakeDirectory(parent, name, mode);
        bool made = errno == 0;
        if (errno == Errno.EEXIST)
        {
            if (At.Stat(parent, name, out FileStat there) != 0 || !there.IsDirectory)
            {
                maker.Make(parent, name, "mkdirat", () => At.MakeDirectory(parent, name, mode));
            }
        }
        else
        {
            FileMaker.Demand(errno, "mkdirat", name);
        }

        State(path, entry, made && (mode & FileModeMask.Bits) == 0);
    }

    /// <param name="hasMode">The directory was made with this mode.</param>
    internal void State(EntryPath path, TarEntry entry, bool hasMode)
    {
        _implied.Remove(path);
        _stated[path] = new Attributes((entry.Mode & DirectoryBits) | OwnerAll, FileMaker.Clamp(entry.Modified), entry.Xattrs, hasMode);
    }

    /// <summary>A later entry of the archive took its place.</summary>
    internal void Forget(EntryPath gone)
    {
        _implied.RemoveWhere(p => p == gone || p.IsBelow(gone));
        foreach (EntryPath path in _stated.Keys.Where(p => p.IsBelow(gone)).ToList())
        {
            _stated.Remove(path);
        }
    }

    /// <summary>The directory was replaced by something else than a directory.</summary>
    internal void Remove(EntryPath path) => _stated.Remove(path);

    /// <summary>Modes and times, children before parents, neighbours together.</summary>
    internal void Finish(TreeWalker walker, IndexLines? lines)
    {
        var implied = new Attributes(ImpliedMode, new FileTime(0, 0), [], HasMode: false);
        foreach ((EntryPath path, Attributes attributes) in _implied.Select(p => KeyValuePair.Create(p, implied)).Concat(_stated).OrderByDescending(d => d.Key))
        {
            Apply(walker, path, attributes);
            lines?.Add(new IndexEntry { Type = 'd', Path = path, Mode = attributes.Mode, Modified = attributes.Modified }, []);
        }
    }

    private static void Apply(TreeWalker walker, EntryPath path, Attributes attributes)
    {
        SafeFileHandle? parent = walker.Open(path.Parent, create: false);
        if (parent is null || walker.Current != path.Parent)
        {
            return;
        }

        ReadOnlySpan<byte> name = path.IsRoot ? "."u8 : path.Name;
        if (attributes.HasMode && attributes.Xattrs.IsEmpty)
        {
            FileMaker.Demand(At.SetTimes(parent, name, attributes.Modified), "utimensat", path.Name);
            return;
        }

        int errno = At.OpenSubdirectory(parent, name, out SafeFileHandle? directory);
        if (errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            // A later entry of the archive took its place.
            return;
        }

        using (directory)
        {
            FileMaker.Demand(errno, "openat", path.Name);
            foreach ((string attribute, byte[] value) in attributes.Xattrs.Where(x => FileMaker.MayKeep(x.Name)))
            {
                _ = At.SetXattr(directory!, Encoding.UTF8.GetBytes(attribute), value);
            }

            FileMaker.Demand(Libc.ChangeMode(directory!, attributes.Mode) == 0 ? 0 : Errno.Last, "fchmod", path.Name);
            FileMaker.Demand(At.SetTimes(directory!, attributes.Modified), "futimens", path.Name);
        }
    }

    private sealed record Attributes(uint Mode, FileTime Modified, ImmutableArray<(string Name, byte[] Value)> Xattrs, bool HasMode);
}
