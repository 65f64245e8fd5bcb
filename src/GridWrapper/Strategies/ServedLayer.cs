using GridWrapper.Linux;
using GridWrapper.Probing;
using GridWrapper.Serving;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Strategies;

/// <summary>A root filesystem that is to be served, looked into before it is mounted.</summary>
/// <param name="root">What is to be served, or one layer of it.</param>
/// <param name="isOwn">It is closed with this.</param>
internal sealed class ServedLayer(ServedRoot root, bool isOwn = false) : TreeLayer
{
    /// <summary>Nothing that is looked into is larger than a C library.</summary>
    private const int MaxFileBytes = 32 * 1024 * 1024;

    internal override int Status(string path, out Libc.FileStatus status)
    {
        status = default;
        int error = Find(path, out int node);
        if (error == 0)
        {
            status.Mode = (ushort)root.Table[node].Mode;
            status.Size = (ulong)root.Table[node].Size;
            status.Inode = (ulong)node + 1;
        }

        return error;
    }

    internal override int ReadLink(string path, out string target)
    {
        target = "";
        int error = Find(path, out int node);
        if (error != 0 || !NodeKind.IsLink(root.Table[node].Mode))
        {
            return error != 0 ? error : Errno.EINVAL;
        }

        target = Encoding.UTF8.GetString(root.Table.Target(node));
        return 0;
    }

    /// <summary>A file in memory with the content. Directories cannot be opened.</summary>
    internal override int Open(string path, int flags, out int fd)
    {
        fd = -1;
        int error = Read(path, MaxFileBytes, out byte[] content);
        if (error != 0)
        {
            return error;
        }

        using SafeFileHandle file = MemoryFile.Create("gridwrap-look", content);
        return Touch.Open(Libc.AT_FDCWD, $"/proc/self/fd/{(int)file.DangerousGetHandle()}", Libc.O_RDONLY, out fd);
    }

    internal override int Names(string directory, out IReadOnlyList<string> names)
    {
        List<string> found = [];
        names = found;
        int error = Find(directory, out int node);
        if (error != 0 || !NodeKind.IsDirectory(root.Table[node].Mode))
        {
            return error != 0 ? error : Errno.ENOTDIR;
        }

        for (int entry = root.Table.NextEntry(node, NodeTable.None); entry >= 0; entry = root.Table.NextEntry(node, entry))
        {
            found.Add(Encoding.UTF8.GetString(root.Table.Name(entry)));
        }

        return 0;
    }

    internal override int Read(string path, int limit, out byte[] content)
    {
        content = [];
        int error = Find(path, out int number);
        if (error != 0)
        {
            return error;
        }

        Node node = root.Table[number];
        if (!NodeKind.IsFile(node.Mode))
        {
            return NodeKind.IsDirectory(node.Mode) ? Errno.EISDIR : Errno.EINVAL;
        }

        byte[] bytes = new byte[(int)Math.Min(limit, node.Size)];
        error = bytes.Length == 0 ? 0 : root.Sources[node.Source].Read(node.Data, 0, bytes);
        content = error == 0 ? bytes : [];
        return error;
    }

    internal override bool IsOpaque(string directory) => root.IsStack && Find(directory, out int node) == 0 && ServedStack.IsOpaque(root.Table, node);

    protected override void Dispose(bool disposing)
    {
        if (isOwn)
        {
            root.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Find(string path, out int node)
    {
        node = NodeTable.Root;
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!NodeKind.IsDirectory(root.Table[node].Mode))
            {
                return Errno.ENOTDIR;
            }

            node = name == "." ? node : root.Table.Find(node, Encoding.UTF8.GetBytes(name));
            if (node < 0)
            {
                return Errno.ENOENT;
            }
        }

        return 0;
    }
}
