namespace GridWrapper.Probing;

/// <summary>The tightest limits that control groups put on this process, version 1 and 2, the process's own group and all above it.</summary>
/// <param name="MemoryBytes">Null when there is none.</param>
/// <param name="Cpus">CPU quota in processors, null when there is none.</param>
internal sealed record CgroupLimits(long? MemoryBytes, double? Cpus)
{
    /// <summary>Version 1 writes "no limit" as the largest page-aligned number.</summary>
    private const long NoLimit = 1L << 62;

    internal static CgroupLimits Read(string root)
    {
        CgroupLimits limits = new(null, null);
        MountInfo mounts = MountInfo.Read(root);
        foreach (string line in ProcFile.Text(root, "proc/self/cgroup").Split('\n'))
        {
            string[] fields = line.Split(':', 3);
            if (fields.Length == 3)
            {
                foreach (string directory in Directories(fields, mounts))
                {
                    limits = limits.Tighten(root, directory);
                }
            }
        }

        return limits;
    }

    /// <summary>The process's group and its parents as far as they are visible, as paths under the root without a leading slash.</summary>
    private static List<string> Directories(string[] fields, MountInfo mounts)
    {
        string[] controllers = fields[1].Split(',');
        bool unified = fields[0] == "0" && fields[1].Length == 0;
        if (!unified && !controllers.Contains("memory") && !controllers.Contains("cpu"))
        {
            return [];
        }

        MountEntry? mount = mounts.Mounts.LastOrDefault(m =>
            unified ? m.FileSystem == "cgroup2" : m.FileSystem == "cgroup" && m.SuperOptions.Split(',').Intersect(controllers).Any());
        if (mount is null || !CvmfsPath.IsBelow(fields[2], mount.Root))
        {
            return mount is null ? [] : [mount.MountPoint.TrimStart('/')];
        }

        List<string> directories = [];
        string below = fields[2][mount.Root.TrimEnd('/').Length..].TrimEnd('/');
        while (true)
        {
            directories.Add((mount.MountPoint + below).TrimStart('/'));
            if (below.Length == 0)
            {
                return directories;
            }

            below = below[..below.LastIndexOf('/')];
        }
    }

    private CgroupLimits Tighten(string root, string directory)
    {
        long? memory = Number(root, $"{directory}/memory.max") ?? Number(root, $"{directory}/memory.limit_in_bytes");
        double? cpus = QuotaV2(ProcFile.Text(root, $"{directory}/cpu.max"))
            ?? Quota(Number(root, $"{directory}/cpu.cfs_quota_us"), Number(root, $"{directory}/cpu.cfs_period_us"));
        return new CgroupLimits(
            memory is > 0 and < NoLimit ? Math.Min(memory.Value, MemoryBytes ?? long.MaxValue) : MemoryBytes,
            cpus is { } quota ? Math.Min(quota, Cpus ?? double.MaxValue) : Cpus);
    }

    private static double? QuotaV2(string text)
    {
        string[] words = text.Split(' ');
        return words.Length == 2 ? Quota(Parse(words[0]), Parse(words[1])) : null;
    }

    private static double? Quota(long? quota, long? period) => quota > 0 && period > 0 ? (double)quota / period : null;

    private static long? Number(string root, string name) => Parse(ProcFile.Text(root, name));

    private static long? Parse(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : null;
}
