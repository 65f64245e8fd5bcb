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

    private readonly List<int> _layers = [];

    /// <summary>Why a layer could not be opened, 0 when all could.</summary>
    internal int Error { get; private set; }

    /// <param name="layers">Topmost first.</param>
    internal MergedTree(IEnumerable<string> layers)
    {
        foreach (string layer in layers)
        {
            Error = Touch.OpenDirectory(Libc.AT_FDCWD, layer, out int fd);
            if (Error != 0)
            {
                break;
            }

            _layers.Add(fd);
        }
    }

    public void Dispose() => _layers.ForEach(Touch.Close);

    /// <summary>What a path leads to after all links: 0, or an errno.</summary>
    internal int Find(string path, out Place found)
    {
        Stack<string> ahead = new();
        List<string> done = [];
        Push(ahead, path);
        found = new Place(-1, "", default);
        List<int> visible = [.. Enumerable.Range(0, _layers.Count)];
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

            error = ++links > MaxLinks ? Errno.ELOOP : Touch.ReadLink(_layers[found.Layer], found.Path, out string target) is var read and not 0 ? read : Follow(target, done, ahead);
            if (error != 0)
            {
                return error;
            }

            visible = Merge(done);
        }

        return 0;
    }

    /// <summary>The beginning of the regular file that a path leads to.</summary>
    internal int Read(Place place, int limit, out byte[] content) => Touch.ReadFile(_layers[place.Layer], place.Path, limit, out content);

    /// <summary>A path without links that is known to be a directory.</summary>
    private List<int> Merge(List<string> directory)
    {
        List<int> visible = [.. Enumerable.Range(0, _layers.Count)];
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
            int error = Touch.Status(_layers[layer], path, Libc.AT_SYMLINK_NOFOLLOW, out Libc.FileStatus status);
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
            if (IsOpaque(layer, path))
            {
                break;
            }
        }

        return below.Count > 0 ? 0 : Errno.ENOENT;
    }

    private bool IsOpaque(int layer, string path)
    {
        if (Touch.Open(_layers[layer], path, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out int fd) != 0)
        {
            return false;
        }

        bool opaque = Touch.Attribute(fd, "user.overlay.opaque", out string value) == 0 && value == "y";
        Touch.Close(fd);
        return opaque;
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
