using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Resolves a path while it stays on local file systems. Each component is looked at only after the mount list has said that it lies on a local one,
/// so this never waits for a network server, an automounter or a FUSE daemon.
/// </summary>
internal abstract record LocalPath
{
    private const int MaxLinks = 40;

    private LocalPath()
    {
    }

    /// <summary>It exists, and this is its name without links.</summary>
    internal sealed record Here(string Path, string FileSystem) : LocalPath;

    /// <summary>The way leads to a file system that may hang; nothing there was touched.</summary>
    internal sealed record Elsewhere(string Path, string FileSystem) : LocalPath;

    /// <summary>It does not exist (ENOENT, ENOTDIR), or the way is barred (EACCES, ELOOP).</summary>
    internal sealed record Missing(string Path, int Errno) : LocalPath;

    /// <summary>Whether nothing that is there of these paths lies on a file system that may hang.</summary>
    internal static bool AreLocal(ImmutableArray<string> paths)
    {
        MountInfo mounts = MountInfo.Read();
        return paths.All(path => Resolve(path.StartsWith(TreeLayer.PackedPrefix, StringComparison.Ordinal) ? path[TreeLayer.PackedPrefix.Length..] : path, mounts) is Here or Missing);
    }

    internal static LocalPath Resolve(string path, MountInfo mounts)
    {
        Stack<string> ahead = new(path.Split('/').Reverse());
        string at = "";
        int links = 0;
        while (ahead.TryPop(out string? component))
        {
            if (component is "" or ".")
            {
                continue;
            }

            if (component == "..")
            {
                at = at.Length == 0 ? "" : at[..at.LastIndexOf('/')];
                continue;
            }

            string next = $"{at}/{component}";
            if (mounts.Covering(next) is not { IsLocal: true } mount)
            {
                return new Elsewhere(next, mounts.Covering(next)?.FileSystem ?? "unknown");
            }

            int error = Touch.ReadLink(Libc.AT_FDCWD, next, out string target);
            if (error == Errno.EINVAL)
            {
                at = next;
                continue;
            }

            if (error != 0 || ++links > MaxLinks)
            {
                return new Missing(next, error != 0 ? error : Errno.ELOOP);
            }

            at = target.StartsWith('/') ? "" : at;
            foreach (string part in target.Split('/').Reverse())
            {
                ahead.Push(part);
            }
        }

        at = at.Length == 0 ? "/" : at;
        return new Here(at, mounts.Covering(at)?.FileSystem ?? "unknown");
    }
}
