using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>Removes directory trees of our own making, whatever their names are made of, without following a link.</summary>
internal static class TreeRemover
{
    /// <summary>Owner may list, enter and change.</summary>
    private const uint OwnerAll = 0x1C0;

    /// <summary>Removes a directory of this node with everything in it; nothing happens where there is none.</summary>
    internal static void Remove(string path)
    {
        string parent = Path.GetDirectoryName(path)!;
        if (Directory.Exists(parent))
        {
            using SafeFileHandle directory = At.OpenDirectory(parent);
            Remove(directory, Encoding.UTF8.GetBytes(Path.GetFileName(path)));
        }
    }

    /// <summary>Removes one name, a tree or a file, below an open directory.</summary>
    internal static void Remove(SafeFileHandle parent, byte[] name)
    {
        int errno = At.Unlink(parent, name, isDirectory: false);
        if (errno is 0 or Errno.ENOENT)
        {
            return;
        }

        if (errno is not (Errno.EISDIR or Errno.EPERM))
        {
            throw new LinuxException("unlinkat", Encoding.UTF8.GetString(name), errno);
        }

        Empty(parent, name);
        errno = At.Unlink(parent, name, isDirectory: true);
        if (errno is not (0 or Errno.ENOENT))
        {
            throw new LinuxException("unlinkat", Encoding.UTF8.GetString(name), errno);
        }
    }

    private static void Empty(SafeFileHandle parent, byte[] name)
    {
        int errno = At.OpenSubdirectory(parent, name, out SafeFileHandle? opened);
        using SafeFileHandle directory = opened ?? throw new LinuxException("openat", Encoding.UTF8.GetString(name), errno);
        Libc.ChangeMode(directory, OwnerAll);
        foreach (byte[] child in At.Names(directory))
        {
            Remove(directory, child);
        }
    }
}
