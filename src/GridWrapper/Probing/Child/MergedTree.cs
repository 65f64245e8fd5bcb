using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Finds names in a stack of directories as an overlay mount of them would show them: the topmost counts, directories merge, whiteouts and opaque directories end
/// what lies below. Links are followed inside the stack, across its layers. Nothing is mounted.
/// </summary>
internal sealed class MergedTree : IDisposable
{
    private const int MaxLinks = 40;
    private const ushort TypeBits = 0xf000;
    private const ushort Link = 0xa000;
    private const ushort CharacterDevice = 0x2000;

    private readonly List<TreeLayer> _layers = [];
    private readonly bool _borrowed;

    /// <summary>Why a layer could not be opened, 0 when all could.</summary>
    internal int Error { get; private set; }

    /// <summary>The layer that could not be opened, "" when all could.</summary>
    internal string ErrorPath { get; } = "";

    /// <param name="layers">Topmost first.</param>
    /// <param name="packed">Opens those that are kept as their archives; null where there can be none.</param>
    internal MergedTree(IEnumerable<string> layers, TreeOpener? packed = null)
    {
        foreach (string layer in layers)
        {
            TreeLayer? opened = null;
            Error = !layer.StartsWith(TreeLayer.PackedPrefix, StringComparison.Ordinal) ? OpenDirectory(layer, out opened)
                : packed is null ? Errno.ENOSYS : packed(layer[TreeLayer.PackedPrefix.Length..], out opened);
            if (opened is null)
            {
                ErrorPath = layer;
                break;
            }

            _layers.Add(opened);
        }
    }

    /// <summary>A tree that is whole. It stays the caller's.</summary>
    internal MergedTree(TreeLayer whole)
    {
        _layers.Add(whole);
        _borrowed = true;
    }

    public void Dispose()
    {
        if (!_borrowed)
        {
            _layers.ForEach(layer => layer.Dispose());
        }
    }

    internal int Count => _layers.Count;

    /// <summary>The entry itself, through directories only: ENOTDIR where anything else lies on the way, a link included.</summary>
    /// <param name="path">Relative.</param>
    internal int Entry(string path, out Place found)
    {
        List<int> visible = All();
        found = new Place(-1, "", default);
        for (int end = path.IndexOf('/', StringComparison.Ordinal); ; end = path.IndexOf('/', end + 1))
        {
            int error = Look(visible, end < 0 ? path : path[..end], out found, out visible);
            if (error != 0 || end < 0)
            {
                return error;
            }

            if (!found.Status.IsDirectory)
            {
                return Errno.ENOTDIR;
            }
        }
    }

    /// <summary>Names in a directory of one layer; none where it has no such directory, or it cannot be listed.</summary>
    internal IReadOnlyList<string> Names(int layer, string directory) => _layers[layer].Names(directory, out IReadOnlyList<string> names) == 0 ? names : [];

    /// <summary>What a path is in one layer, links not followed; null where it is not there.</summary>
    internal Libc.FileStatus? StatusIn(int layer, string path) => _layers[layer].Status(path, out Libc.FileStatus status) == 0 ? status : null;

    /// <summary>What a path leads to after all links: 0, or an errno.</summary>
    internal int Find(string path, out Place found)
    {
        Stack<string> ahead = new();
        List<string> done = [];
        Push(ahead, path);
        found = new Place(-1, "", default);
        List<int> visible = All();
        for (int links = 0; ahead.TryPop(out string? name);)
        {
            if (name == "..")
            {
                done.RemoveRange(Math.Max(0, done.Count - 1), Math.Min(1, done.Count));
                visible = Merge(done);
                continue;
            }

            done.Add(name);
            int error = Look(visible, string.Join('/', done), out found, out List<int> below);
            if (error != 0)
            {
                return error;
            }

            visible = below;
            if ((found.Status.Mode & TypeBits) != Link)
            {
                continue;
            }

            error = ++links > MaxLinks ? Errno.ELOOP : _layers[found.Layer].ReadLink(found.Path, out string target) is var read and not 0 ? read : Follow(target, done, ahead);
            if (error != 0)
            {
                return error;
            }

            visible = Merge(done);
        }

        return 0;
    }

    /// <summary>What a path leads to after all links, opened: 0, or an errno.</summary>
    internal int Open(string path, int flags, out int fd)
    {
        fd = -1;
        int error = Find(path, out Place place);
        return error != 0 ? error : _layers[Math.Max(0, place.Layer)].Open(place.Path, flags, out fd);
    }

    /// <summary>The names that are seen in the directory that a path leads to; none where it is no directory.</summary>
    internal SortedSet<string> List(string path)
    {
        SortedSet<string> names = new(StringComparer.Ordinal);
        if (Find(path, out Place place) != 0 || (place.Layer >= 0 && !place.Status.IsDirectory))
        {
            return names;
        }

        List<int> visible = Merge([.. place.Path.Split('/', StringSplitOptions.RemoveEmptyEntries)]);
        foreach (string name in visible.SelectMany(layer => Names(layer, place.Path)).Distinct(StringComparer.Ordinal))
        {
            if (Look(visible, place.Path.Length == 0 ? name : $"{place.Path}/{name}", out _, out _) == 0)
            {
                names.Add(name);
            }
        }

        return names;
    }

    /// <summary>The beginning of the regular file that a path leads to.</summary>
    internal int Read(Place place, int limit, out byte[] content) => _layers[place.Layer].Read(place.Path, limit, out content);

    private static int OpenDirectory(string path, out TreeLayer? layer)
    {
        int error = DirectoryLayer.Open(path, out DirectoryLayer? opened);
        layer = opened;
        return error;
    }

    private List<int> All()
    {
        List<int> all = new(_layers.Count);
        for (int i = 0; i < _layers.Count; i++)
        {
            all.Add(i);
        }

        return all;
    }

    /// <summary>A path without links that is known to be a directory.</summary>
    private List<int> Merge(List<string> directory)
    {
        List<int> visible = All();
        for (int i = 1; i <= directory.Count; i++)
        {
            _ = Look(visible, string.Join('/', directory.Take(i)), out _, out visible);
        }

        return visible;
    }

    private int Look(List<int> visible, string path, out Place found, out List<int> below)
    {
        found = new Place(-1, path, default);
        below = [];
        foreach (int layer in visible)
        {
            int error = _layers[layer].Status(path, out Libc.FileStatus status);
            if (error is Errno.ENOENT or Errno.ENOTDIR)
            {
                continue;
            }

            if (error != 0)
            {
                return error;
            }

            bool whiteout = (status.Mode & TypeBits) == CharacterDevice;
            if (whiteout || (below.Count > 0 && !status.IsDirectory))
            {
                break;
            }

            if (below.Count == 0)
            {
                found = new Place(layer, path, status);
            }

            if (!status.IsDirectory)
            {
                return 0;
            }

            below.Add(layer);
            if (_layers[layer].IsOpaque(path))
            {
                break;
            }
        }

        return below.Count > 0 ? 0 : Errno.ENOENT;
    }

    private static int Follow(string target, List<string> done, Stack<string> ahead)
    {
        if (target.StartsWith('/'))
        {
            done.Clear();
        }
        else
        {
            done.RemoveAt(done.Count - 1);
        }

        Push(ahead, target);
        return 0;
    }

    private static void Push(Stack<string> ahead, string path)
    {
        foreach (string component in path.Split('/').Reverse().Where(c => c is not ("" or ".")))
        {
            ahead.Push(component);
        }
    }

    /// <summary>One file in one of the layers.</summary>
    internal readonly record struct Place(int Layer, string Path, Libc.FileStatus Status);
}
