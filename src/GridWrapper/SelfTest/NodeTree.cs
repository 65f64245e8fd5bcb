namespace GridWrapper.SelfTest;

/// <summary>
/// The node's own file system as a source of programs. Symbolic links are followed one by one, so that nothing below /cvmfs is ever touched: a look
/// at a hung mount would hang this process too.
/// </summary>
/// <param name="root">Prefix of every path, without a trailing slash; empty for the real root. Absolute links stay below it.</param>
internal sealed class NodeTree(string root)
{
    private const string Forbidden = "/cvmfs";

    /// <summary>As ELOOP in the kernel.</summary>
    private const int MostLinks = 40;

    /// <summary>
    /// The path with every symbolic link followed, or null where something is missing or leads below /cvmfs.
    /// </summary>
    /// <param name="path">Absolute path.</param>
    /// <param name="onLink">Told of every link on the way: its own canonical path and its target's text.</param>
    internal string? Resolve(string path, Action<string, string>? onLink = null)
    {
        LinkedList<string> rest = new(Components(path));
        string done = "";
        int links = 0;
        while (rest.First is { } first)
        {
            rest.RemoveFirst();
            string next = first.Value == ".." ? Parent(done) : done + "/" + first.Value;
            if (next == Forbidden)
            {
                return null;
            }

            FileInfo info = new(root + (next.Length == 0 ? "/" : next));
            if (info.LinkTarget is not { } target)
            {
                if (!Path.Exists(info.FullName))
                {
                    return null;
                }

                done = next;
                continue;
            }

            if (++links > MostLinks)
            {
                return null;
            }

            onLink?.Invoke(next, target);
            done = target.StartsWith('/') ? "" : done;
            Prepend(rest, Components(target));
        }

        return done.Length == 0 ? "/" : done;
    }

    /// <summary>The content of a regular file that can be read, null otherwise. The path must be canonical, as <see cref="Resolve"/> returns it.</summary>
    internal byte[]? Read(string canonicalPath)
    {
        try
        {
            // Only regular files: opening a FIFO would block.
            return File.Exists(root + canonicalPath) ? File.ReadAllBytes(root + canonicalPath) : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Names in a directory, in ordinal order; none where it cannot be listed.</summary>
    internal ImmutableArray<string> List(string directory)
    {
        try
        {
            return Resolve(directory) is { } canonical && Directory.Exists(root + canonical)
                ? [.. Directory.EnumerateFileSystemEntries(root + canonical).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)]
                : [];
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Where the path lies for programs outside this tree.</summary>
    internal string HostPath(string path) => root + path;

    private static IEnumerable<string> Components(string path) => path.Split('/').Where(c => c.Length > 0 && c != ".");

    private static string Parent(string path) => path.LastIndexOf('/') is var slash and > 0 ? path[..slash] : "";

    private static void Prepend(LinkedList<string> rest, IEnumerable<string> components)
    {
        foreach (string component in components.Reverse())
        {
            rest.AddFirst(component);
        }
    }
}
