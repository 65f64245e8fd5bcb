using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Probing;

/// <summary>What some paths of a layer are, links not followed: whether directories of other layers would merge with them.</summary>
internal static class PlaceCheck
{
    internal const string Nothing = "nothing";
    internal const string Link = "link";

    /// <summary>Neither directory nor symbolic link.</summary>
    internal const string Other = "other";

    /// <summary>Followed by the permission bits in octal.</summary>
    internal const string Directory = "directory";

    /// <summary>Answers TREE.PATH by their numbers, and TREE.errno where a layer cannot be looked at.</summary>
    /// <param name="trees">The layers.</param>
    /// <param name="paths">Relative paths, one char per byte; the empty one is the layer's root.</param>
    internal static void Run(ReadOnlySpan<string> trees, ReadOnlySpan<string> paths, ProbeOutput output)
    {
        for (int t = 0; t < trees.Length; t++)
        {
            output.Step(t == 0 ? "open" : "places");
            try
            {
                using SafeFileHandle root = At.OpenDirectory(trees[t]);
                for (int p = 0; p < paths.Length; p++)
                {
                    output.Say(string.Create(CultureInfo.InvariantCulture, $"{t}.{p}"), Look(root, paths[p]));
                }
            }
            catch (LinuxException e)
            {
                output.Say(string.Create(CultureInfo.InvariantCulture, $"{t}.errno"), e.ErrnoName);
            }
        }
    }

    /// <summary>One path: nothing, link, other, or directory and its mode.</summary>
    internal static string Look(SafeFileHandle root, string path)
    {
        SafeFileHandle at = root;
        try
        {
            foreach (string component in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
            {
                byte[] name = Encoding.Latin1.GetBytes(component);
                int errno = At.OpenSubdirectory(at, name, out SafeFileHandle? below);
                if (errno == Errno.EACCES)
                {
                    // Nothing below it can be reached, whatever it is; what it is itself its parent knows.
                    return At.Stat(at, name, out FileStat closed) == 0 && closed.IsDirectory ? Describe(closed) : Other;
                }

                if (errno != 0)
                {
                    return errno is Errno.ENOENT ? Nothing
                        : errno is Errno.ENOTDIR or Errno.ELOOP ? At.Stat(at, name, out FileStat stat) == 0 && stat.IsSymlink ? Link : Other
                        : throw new LinuxException("openat", component, errno);
                }

                if (at != root)
                {
                    at.Dispose();
                }

                at = below!;
            }

            int error = At.Stat(at, [], out FileStat found);
            return error == 0 ? Describe(found) : throw new LinuxException("statx", path, error);
        }
        finally
        {
            if (at != root)
            {
                at.Dispose();
            }
        }
    }

    private static string Describe(FileStat stat) => $"{Directory} {Convert.ToString(stat.Permissions, 8)}";
}
