using GridWrapper.Linux;
using GridWrapper.Probing;

namespace GridWrapper.Watching;

/// <summary>This process's own control group in the unified hierarchy (version 2).</summary>
/// <param name="Directory">Its directory.</param>
/// <param name="Top">Where the hierarchy, or the part of it that can be seen, is mounted.</param>
internal sealed record CgroupHome(string Directory, string Top)
{
    /// <summary>The group above, null at the top of what can be seen.</summary>
    internal string? Parent => Directory == Top ? null : Path.GetDirectoryName(Directory);

    /// <param name="root">"/" or a recorded tree.</param>
    internal static Fact<CgroupHome> Find(string root)
    {
        string own = SmallFile.Text(Path.Combine(root, "proc/self/cgroup")) ?? "";
        string? path = null;
        foreach (string line in own.Split('\n'))
        {
            path = line.StartsWith("0::", StringComparison.Ordinal) ? line[3..] : path;
        }

        if (path is null)
        {
            return new Fact<CgroupHome>.Absent("this process is in no control group of version 2");
        }

        MountEntry? mount = null;
        foreach (MountEntry entry in MountInfo.Read(root).Mounts)
        {
            mount = entry.FileSystem == "cgroup2" ? entry : mount;
        }

        if (mount is null)
        {
            return new Fact<CgroupHome>.Absent("no hierarchy of control groups of version 2 is mounted");
        }

        if (!CvmfsPath.IsBelow(path, mount.Root))
        {
            return new Fact<CgroupHome>.Absent($"this process's control group {path} is outside of what is mounted at {mount.MountPoint}");
        }

        string top = root == "/" ? mount.MountPoint : root.TrimEnd('/') + mount.MountPoint;
        return new Fact<CgroupHome>.Known(new CgroupHome((top + path[mount.Root.TrimEnd('/').Length..]).TrimEnd('/'), top));
    }
}
