using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>A directory of the node.</summary>
internal sealed class DirectoryLayer : TreeLayer
{
    private readonly int _directory;

    private DirectoryLayer(int directory) => _directory = directory;

    /// <returns>0, or why it cannot be opened.</returns>
    internal static int Open(string path, out DirectoryLayer? layer)
    {
        int error = Touch.OpenDirectory(Libc.AT_FDCWD, path, out int fd);
        layer = error == 0 ? new DirectoryLayer(fd) : null;
        return error;
    }

    internal override int Status(string path, out Libc.FileStatus status) => Touch.Status(_directory, path, Libc.AT_SYMLINK_NOFOLLOW, out status);

    internal override int ReadLink(string path, out string target) => Touch.ReadLink(_directory, path, out target);

    internal override int Open(string path, int flags, out int fd) => Touch.Open(_directory, path.Length == 0 ? "." : path, flags, out fd);

    internal override int Names(string directory, out IReadOnlyList<string> names)
    {
        names = [];
        int error = Open(directory, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out int fd);
        if (error != 0)
        {
            return error;
        }

        error = Touch.List(fd, out List<string> found);
        Touch.Close(fd);
        names = found;
        return error;
    }

    internal override int Read(string path, int limit, out byte[] content) => Touch.ReadFile(_directory, path, limit, out content);

    internal override bool IsOpaque(string directory)
    {
        if (Touch.Open(_directory, directory, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out int fd) != 0)
        {
            return false;
        }

        bool opaque = Touch.Attribute(fd, "user.overlay.opaque", out string value) == 0 && value == "y";
        Touch.Close(fd);
        return opaque;
    }

    protected override void Dispose(bool disposing)
    {
        Touch.Close(_directory);
        base.Dispose(disposing);
    }
}
