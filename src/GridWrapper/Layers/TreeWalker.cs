using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// Opens directories of a tree one component at a time, each with O_NOFOLLOW, so that the kernel never follows a name of an archive.
/// A symbolic link met on the way is resolved here, inside the tree: "/" is the tree's root and ".." stops there. This is what
/// openat2(RESOLVE_IN_ROOT) does, without needing a kernel or a seccomp profile that has it. The tree must not be changed by others meanwhile.
/// </summary>
internal sealed class TreeWalker(SafeFileHandle root) : IDisposable
{
    /// <summary>As many links as Linux follows in one path.</summary>
    private const int MaxLinks = 40;

    /// <summary>While a tree is being made its owner needs to enter every directory; the true modes are set at the end.</summary>
    private const uint DirectoryModeMeanwhile = 0x1C0;

    private readonly List<(string Name, SafeFileHandle Directory)> _stack = [];
    private EntryPath? _asked;

    /// <summary>Path of the directory opened last, links resolved.</summary>
    internal EntryPath Current { get; private set; }

    /// <summary>Asked before a directory is made on the way: names given out to other threads must be on disk by then.</summary>
    internal Action<EntryPath>? Creating { get; init; }

    /// <summary>Told of every directory that had to be made on the way.</summary>
    internal Action<EntryPath>? Created { get; init; }

    public void Dispose() => Forget();

    /// <summary>Drops the open directories; needed after a directory was removed or replaced.</summary>
    internal void Forget()
    {
        _asked = null;
        Pop(0);
    }

    /// <summary>The directory at a path, open until the next call.</summary>
    /// <param name="create">Make what is missing; otherwise null is returned for a missing directory.</param>
    /// <exception cref="InvalidDataException">Something on the way is neither a directory nor a link to one, or the links go in circles.</exception>
    internal SafeFileHandle? Open(EntryPath path, bool create)
    {
        if (_asked == path)
        {
            return Top;
        }

        _asked = null;
        if (Walk(path, create) is not { } directory)
        {
            return null;
        }

        _asked = path;
        return directory;
    }

    private SafeFileHandle? Walk(EntryPath path, bool create)
    {
        string[] components = path.Components;
        int shared = 0;
        while (shared < Math.Min(components.Length, _stack.Count) && _stack[shared].Name == components[shared])
        {
            shared++;
        }

        Pop(shared);
        Current = EntryPath.Root;
        _stack.ForEach(level => Current = Current.Child(level.Name));
        var pending = new Stack<string>(components.Skip(shared).Reverse());
        for (int links = 0; pending.Count > 0;)
        {
            string name = pending.Pop();
            if (name is "" or ".")
            {
                continue;
            }

            if (name == "..")
            {
                Up();
            }
            else if (!Down(name, create, out bool missing))
            {
                if (missing)
                {
                    return null;
                }

                Splice(name, pending, path, ++links);
            }
        }

        return Top;
    }

    private SafeFileHandle Top => _stack.Count == 0 ? root : _stack[^1].Directory;

    /// <summary>Enters a subdirectory; false if it is missing, or is something else than a directory.</summary>
    private bool Down(string name, bool create, out bool missing)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(name);
        int errno = At.OpenSubdirectory(Top, bytes, out SafeFileHandle? directory);
        missing = errno == Errno.ENOENT && !create;
        if (errno == Errno.ENOENT && create)
        {
            Creating?.Invoke(Current.Child(name));
            int made = At.MakeDirectory(Top, bytes, DirectoryModeMeanwhile);
            if (made is not (0 or Errno.EEXIST))
            {
                throw new LinuxException("mkdirat", Current.Child(name).ToString(), made);
            }

            if (made == 0)
            {
                Created?.Invoke(Current.Child(name));
            }

            errno = At.OpenSubdirectory(Top, bytes, out directory);
        }

        if (directory is not null)
        {
            Push(name, directory);
            return true;
        }

        return errno is Errno.ENOTDIR or Errno.ELOOP or Errno.ENOENT ? false : throw new LinuxException("openat", Current.Child(name).ToString(), errno);
    }

    /// <summary>Puts a link's target in front of what is still to be walked.</summary>
    private void Splice(string name, Stack<string> pending, EntryPath wanted, int links)
    {
        int errno = At.ReadLink(Top, Encoding.Latin1.GetBytes(name), out byte[] target);
        if (errno == Errno.EINVAL)
        {
            throw new InvalidDataException($"'{wanted}' lies below '{Current.Child(name)}', which is not a directory");
        }

        if (errno != 0)
        {
            throw new LinuxException("readlinkat", Current.Child(name).ToString(), errno);
        }

        if (links > MaxLinks)
        {
            throw new InvalidDataException($"the way to '{wanted}' goes through more than {MaxLinks} symbolic links");
        }

        string text = Encoding.Latin1.GetString(target);
        if (text.StartsWith('/'))
        {
            Pop(0);
            Current = EntryPath.Root;
        }

        foreach (string component in text.Split('/').Reverse())
        {
            pending.Push(component);
        }
    }

    private void Push(string name, SafeFileHandle directory)
    {
        _stack.Add((name, directory));
        Current = Current.Child(name);
        if (_stack.Count > EntryPath.MaxDepth)
        {
            throw new InvalidDataException($"'{Current}' is deeper than {EntryPath.MaxDepth} levels");
        }
    }

    private void Up()
    {
        if (_stack.Count > 0)
        {
            Pop(_stack.Count - 1);
            Current = Current.Parent;
        }
    }

    private void Pop(int keep)
    {
        while (_stack.Count > keep)
        {
            _stack[^1].Directory.Dispose();
            _stack.RemoveAt(_stack.Count - 1);
        }
    }
}
