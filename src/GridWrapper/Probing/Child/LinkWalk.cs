using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Resolves symbolic links component by component below one directory descriptor, as if that directory were the root: nothing outside of it is ever named.
/// (openat2 with RESOLVE_IN_ROOT would do the same, but is missing on EL8.)
/// </summary>
/// <param name="directory">The root: an open image tree, or "/".</param>
/// <param name="cvmfsRoot">Where links that begin with /cvmfs/ really lead; null to leave them alone.</param>
internal sealed class LinkWalk(int directory, string? cvmfsRoot = null)
{
    private const int MaxLinks = 40;

    /// <summary>Finds the path without links, relative to the root and without a leading slash; answers 0 or an errno.</summary>
    internal int Resolve(string path, out string resolved)
    {
        Stack<string> ahead = new();
        List<string> done = [];
        int links = 0;
        Push(ahead, path);
        resolved = "";
        while (ahead.TryPop(out string? component))
        {
            if (component == "..")
            {
                done.RemoveRange(Math.Max(0, done.Count - 1), Math.Min(1, done.Count));
                continue;
            }

            done.Add(component);
            resolved = string.Join('/', done);
            int error = Touch.ReadLink(directory, resolved, out string target);
            if (error == Errno.EINVAL)
            {
                continue;
            }

            if (error != 0 || ++links > MaxLinks)
            {
                return error != 0 ? error : Errno.ELOOP;
            }

            done.RemoveAt(done.Count - 1);
            Follow(target, done, ahead);
        }

        resolved = string.Join('/', done);
        return 0;
    }

    /// <summary>Opens a file below the root after resolving its links inside.</summary>
    internal int Open(string path, int flags, out int fd)
    {
        fd = -1;
        int error = Resolve(path, out string resolved);
        return error != 0 ? error : Touch.Open(directory, resolved, flags | Libc.O_NOFOLLOW, out fd);
    }

    /// <summary>Reads the beginning of a regular file below the root.</summary>
    internal int Read(string path, int limit, out byte[] content)
    {
        content = [];
        int error = Open(path, Libc.O_RDONLY | Libc.O_NONBLOCK, out int fd);
        if (error != 0)
        {
            return error;
        }

        error = Touch.Read(fd, 0, limit, out content);
        Touch.Close(fd);
        return error;
    }

    private static void Push(Stack<string> ahead, string path)
    {
        foreach (string component in path.Split('/').Reverse())
        {
            if (component is not ("" or "."))
            {
                ahead.Push(component);
            }
        }
    }

    private void Follow(string target, List<string> done, Stack<string> ahead)
    {
        if (target.StartsWith('/'))
        {
            done.Clear();
            target = cvmfsRoot is null ? target : CvmfsPath.Rebase(target, cvmfsRoot);
        }

        Push(ahead, target);
    }
}
