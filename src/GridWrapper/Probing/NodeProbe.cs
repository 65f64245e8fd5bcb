using System.Runtime.InteropServices;

namespace GridWrapper.Probing;

/// <summary>
/// Identity and size of the node, from a handful of small text files below a root directory ("/" or a recorded tree). No child, no network, no name service:
/// this runs before every payload.
/// </summary>
internal static class NodeProbe
{
    internal static NodeFacts Probe(string root, IReadOnlyDictionary<string, string> environment)
    {
        ProcFile status = ProcFile.Read(root, "proc/self/status");
        CpuInfo cpu = CpuInfo.Read(root);
        CgroupLimits cgroup = CgroupLimits.Read(root);
        uint uid = FirstNumber(status["Uid"]) ?? 0;
        int allowed = CountList(status["Cpus_allowed_list"]) ?? Environment.ProcessorCount;
        long? addressSpace = AddressSpaceLimit(root);
        long? limit = cgroup.MemoryBytes is { } memory && addressSpace is { } space ? Math.Min(memory, space) : cgroup.MemoryBytes ?? addressSpace;
        return new NodeFacts
        {
            HostName = ProcFile.Text(root, "proc/sys/kernel/hostname") is { Length: > 0 } host ? host : "unknown",
            OperatingSystem = OperatingSystemName(root),
            Kernel = ProcFile.Text(root, "proc/sys/kernel/osrelease") is { Length: > 0 } kernel ? kernel : "unknown",
            Architecture = cpu.Architecture ?? OwnArchitecture(),
            CpuLevel = cpu.Level,
            CpuModel = cpu.Model,
            Cores = cgroup.Cpus is { } quota ? Math.Max(1, Math.Min(allowed, (int)Math.Ceiling(quota))) : allowed,
            MemoryBytes = Kilobytes(ProcFile.Read(root, "proc/meminfo")["MemTotal"]),
            MemoryLimitBytes = limit,
            Uid = uid,
            Gid = FirstNumber(status["Gid"]) ?? 0,
            UserName = UserName(root, uid, environment),
        };
    }

    /// <summary>Who runs this, and nothing else: for a launch that needs no plan.</summary>
    internal static NodeFacts Identity(IReadOnlyDictionary<string, string> environment)
    {
        uint uid = Linux.Libc.GetUid();
        return new NodeFacts
        {
            HostName = Environment.MachineName,
            OperatingSystem = "unknown",
            Kernel = "unknown",
            Architecture = OwnArchitecture(),
            CpuLevel = "unknown",
            CpuModel = "unknown",
            Cores = Environment.ProcessorCount,
            MemoryBytes = 0,
            Uid = uid,
            Gid = Linux.Libc.GetGid(),
            UserName = UserName("/", uid, environment),
        };
    }

    /// <summary>Number of processors in a list such as "0-3,8".</summary>
    internal static int? CountList(string list)
    {
        int count = 0;
        foreach (string range in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int dash = range.IndexOf('-', StringComparison.Ordinal);
            if (!int.TryParse(dash < 0 ? range : range[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                || !int.TryParse(dash < 0 ? range : range[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int last))
            {
                return null;
            }

            count += last - first + 1;
        }

        return count > 0 ? count : null;
    }

    private static string OwnArchitecture() => RuntimeInformation.OSArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => "amd64",
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        System.Runtime.InteropServices.Architecture other => other.ToString().ToLowerInvariant(),
    };

    private static string OperatingSystemName(string root)
    {
        const string Key = "PRETTY_NAME=";
        string text = ProcFile.Text(root, "etc/os-release") is { Length: > 0 } etc ? etc : ProcFile.Text(root, "usr/lib/os-release");
        string? line = text.Split('\n').FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        return line is null ? "unknown" : line[Key.Length..].Trim().Trim('"', '\'');
    }

    private static long? AddressSpaceLimit(string root)
    {
        const string Key = "Max address space";
        string? line = ProcFile.Text(root, "proc/self/limits").Split('\n').FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        string[] words = line?[Key.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        return words.Length > 0 && long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : null;
    }

    private static long Kilobytes(string value) =>
        long.TryParse(value.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out long kilobytes) ? kilobytes * 1024 : 0;

    private static uint? FirstNumber(string value) =>
        uint.TryParse(value.Split('\t', ' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint number) ? number : null;

    /// <summary>/etc/passwd first: it knows the effective user, the environment may be another one's.</summary>
    private static string? UserName(string root, uint uid, IReadOnlyDictionary<string, string> environment)
    {
        string number = uid.ToString(CultureInfo.InvariantCulture);
        foreach (string line in ProcFile.Text(root, "etc/passwd").Split('\n'))
        {
            string[] fields = line.Split(':', 4);
            if (fields.Length == 4 && fields[2] == number)
            {
                return fields[0];
            }
        }

        return ((string[])["USER", "LOGNAME"]).Select(n => environment.GetValueOrDefault(n)).FirstOrDefault(v => !string.IsNullOrEmpty(v));
    }
}
