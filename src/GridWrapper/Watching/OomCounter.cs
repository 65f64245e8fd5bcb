using GridWrapper.Linux;
using GridWrapper.Probing;

namespace GridWrapper.Watching;

/// <summary>
/// How many processes of this process's own control group, version 1 or 2, the kernel has killed for want of memory. So a payload's 137 is told apart from
/// others even where no group of its own can be made for it.
/// </summary>
internal sealed class OomCounter
{
    private readonly string? _file;
    private readonly long _before;

    private OomCounter(string? file)
    {
        _file = file;
        _before = Count();
    }

    /// <summary>Kills since this was made; they need not be the payload's.</summary>
    internal long Kills => Count() - _before;

    /// <param name="root">"/" or a recorded tree.</param>
    internal static OomCounter Start(string root)
    {
        if (CgroupHome.Find(root).IsKnown(out CgroupHome home) && File.Exists(home.Directory + "/memory.events"))
        {
            return new OomCounter(home.Directory + "/memory.events");
        }

        string own = SmallFile.Text(Path.Combine(root, "proc/self/cgroup")) ?? "";
        foreach (string line in own.Split('\n'))
        {
            string[] fields = line.Split(':', 3);
            if (fields.Length == 3 && fields[1] == "memory" && Version1(root, fields[2]) is { } file)
            {
                return new OomCounter(file);
            }
        }

        return new OomCounter(null);
    }

    private static string? Version1(string root, string path)
    {
        foreach (MountEntry mount in MountInfo.Read(root).Mounts)
        {
            if (mount.FileSystem == "cgroup" && mount.SuperOptions.Split(',').Contains("memory"))
            {
                string below = CvmfsPath.IsBelow(path, mount.Root) ? path[mount.Root.TrimEnd('/').Length..].TrimEnd('/') : "";
                return Path.Combine(root, mount.MountPoint.TrimStart('/')) + below + "/memory.oom_control";
            }
        }

        return null;
    }

    private long Count()
    {
        Span<byte> buffer = stackalloc byte[1024];
        int length = _file is null ? 0 : SmallFile.Read(_file, buffer);
        return length <= 0 ? 0 : ProcText.Value(buffer[..length], "oom_kill"u8);
    }
}
