using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>One of the trees that are seen through each other. Paths are relative, "" is the root; answers are 0 or an errno.</summary>
internal abstract class TreeLayer : IDisposable
{
    /// <summary>Before the path of a layer that is kept as its archive. Paths of directories begin with a slash.</summary>
    internal const string PackedPrefix = "packed:";

    /// <summary>Of the entry itself, links not followed.</summary>
    internal abstract int Status(string path, out Libc.FileStatus status);

    internal abstract int ReadLink(string path, out string target);

    /// <summary>A descriptor of a file or directory, closed by the caller.</summary>
    internal abstract int Open(string path, int flags, out int fd);

    internal abstract int Names(string directory, out IReadOnlyList<string> names);

    /// <summary>The beginning of a regular file.</summary>
    internal abstract int Read(string path, int limit, out byte[] content);

    /// <summary>What lies below it in other trees does not show.</summary>
    internal abstract bool IsOpaque(string directory);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
