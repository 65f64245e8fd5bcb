namespace GridWrapper.Probing;

/// <summary>The first processor of /proc/cpuinfo.</summary>
/// <param name="Architecture">OCI name, null where the file does not tell.</param>
/// <param name="Level">x86-64-v1…v4 of the psABI by the processor's flags; "armv8" with its known extensions; "unknown".</param>
internal sealed record CpuInfo(string Model, string? Architecture, string Level)
{
    private static readonly string[][] Levels =
    [
        ["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"],
        ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"],
        ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
    ];

    internal static CpuInfo Read(string root)
    {
        ProcFile cpu = ProcFile.Read(root, "proc/cpuinfo");
        if (cpu["flags"] is { Length: > 0 } flags)
        {
            HashSet<string> set = new(flags.Split(' '), StringComparer.Ordinal);
            return new CpuInfo(cpu["model name"], set.Contains("lm") ? "amd64" : null, set.Contains("lm") ? LevelOf(set) : "unknown");
        }

        if (cpu["Features"].Length > 0 && cpu["CPU architecture"] is { Length: > 0 } architecture)
        {
            return new CpuInfo($"implementer {cpu["CPU implementer"]} part {cpu["CPU part"]}", "arm64", $"armv{architecture}");
        }

        return new CpuInfo(cpu["model name"] is { Length: > 0 } model ? model : "unknown", null, "unknown");
    }

    private static string LevelOf(HashSet<string> flags)
    {
        int level = 1 + Levels.TakeWhile(needed => needed.All(flags.Contains)).Count();
        return string.Create(CultureInfo.InvariantCulture, $"x86-64-v{level}");
    }
}
