using GridWrapper.Probing;

namespace GridWrapper.Reporting;

/// <summary>GPUs for the server's inventory, as the kernel's driver describes them; no library is loaded and no device is opened.</summary>
internal static class WorkerGpus
{
    /// <param name="root">"/" or a recorded tree.</param>
    /// <param name="site">PanDA site.</param>
    /// <param name="hostName">The node.</param>
    internal static ImmutableArray<WorkerNodeGpu> Find(string root, string site, string hostName)
    {
        string directory = Path.Combine(root, "proc/driver/nvidia/gpus");
        if (!Directory.Exists(directory))
        {
            return [];
        }

        IEnumerable<string> models = Directory.GetDirectories(directory)
            .Select(d => ProcFile.Text(root, Path.GetRelativePath(root, Path.Combine(d, "information"))).Split('\n').FirstOrDefault(static l => l.StartsWith("Model:", StringComparison.Ordinal)))
            .OfType<string>().Select(static line => line["Model:".Length..].Trim());
        string? driver = ProcFile.Text(root, "proc/driver/nvidia/version").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault(static word => word.Length > 2 && char.IsAsciiDigit(word[0]) && word.Contains('.', StringComparison.Ordinal));
        return
        [
            .. models.GroupBy(static model => model, StringComparer.Ordinal)
                .Select(kind => new WorkerNodeGpu(site, hostName, "NVIDIA", kind.Key, kind.Count()) { Framework = "CUDA", DriverVersion = driver }),
        ];
    }
}
