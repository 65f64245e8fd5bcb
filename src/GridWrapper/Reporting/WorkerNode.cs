using GridWrapper.Probing;

namespace GridWrapper.Reporting;

/// <summary>A node as the server's inventory has it.</summary>
internal sealed record WorkerNode
{
    public required string Site { get; init; }

    public string? Queue { get; init; }

    public required string HostName { get; init; }

    public required string CpuModel { get; init; }

    public int? LogicalCpus { get; init; }

    public int? Sockets { get; init; }

    public int? CoresPerSocket { get; init; }

    public int? ThreadsPerCore { get; init; }

    /// <summary>"x86_64".</summary>
    public string? Architecture { get; init; }

    /// <summary>"x86_64-v3".</summary>
    public string? ArchitectureLevel { get; init; }

    public double? ClockMegahertz { get; init; }

    public long? MemoryMegabytes { get; init; }

    public long? DiskGigabytes { get; init; }

    /// <param name="node">The node's facts.</param>
    /// <param name="site">PanDA site, or the queue where only that is known.</param>
    /// <param name="cpuInfo">The text of /proc/cpuinfo.</param>
    internal static WorkerNode Of(NodeFacts node, string site, string cpuInfo)
    {
        Dictionary<string, string>[] processors = [.. Processors(cpuInfo)];
        int logical = processors.Length > 0 ? processors.Length : node.Cores;
        int? sockets = Set(processors.Select(static p => p.GetValueOrDefault("physical id", "")).Distinct().Count(static id => id.Length > 0));
        int? cores = processors.Length > 0 ? Set(Whole(processors[0], "cpu cores")) : null;
        int? siblings = processors.Length > 0 ? Set(Whole(processors[0], "siblings")) : null;
        double clock = processors.Length > 0 && double.TryParse(processors[0].GetValueOrDefault("cpu MHz"), NumberStyles.Float, CultureInfo.InvariantCulture, out double mhz) ? mhz : 0;
        return new WorkerNode
        {
            Site = site,
            Queue = site,
            HostName = node.HostName,
            CpuModel = string.Join(' ', node.CpuModel.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)),
            LogicalCpus = logical,
            Sockets = sockets,
            CoresPerSocket = cores,
            ThreadsPerCore = siblings / cores is > 0 and { } threads ? threads : null,
            Architecture = node.Architecture switch { "amd64" => "x86_64", "arm64" => "aarch64", var other => other },
            ArchitectureLevel = JobIdentity.CpuLevelOf(node.CpuLevel),
            ClockMegahertz = clock > 0 ? clock : null,
            MemoryMegabytes = node.MemoryBytes >> 20,
        };
    }

    internal WireFields Fields()
    {
        WireFields fields = new();
        fields.Text("site", null, Site);
        fields.Text("panda_queue", null, Queue);
        fields.Text("host_name", null, HostName, 128);
        fields.Text("cpu_model", null, CpuModel, 128);
        fields.Integer("n_logical_cpus", null, LogicalCpus);
        fields.Integer("n_sockets", null, Sockets);
        fields.Integer("cores_per_socket", null, CoresPerSocket);
        fields.Integer("threads_per_core", null, ThreadsPerCore);
        fields.Text("cpu_architecture", null, Architecture, 20);
        fields.Text("cpu_architecture_level", null, ArchitectureLevel, 20);
        fields.Fraction("clock_speed", null, ClockMegahertz);
        fields.Integer("total_memory", null, MemoryMegabytes);
        fields.Integer("total_local_disk", null, DiskGigabytes);
        return fields;
    }

    private static int? Set(int number) => number > 0 ? number : null;

    private static int Whole(Dictionary<string, string> processor, string key) =>
        int.TryParse(processor.GetValueOrDefault(key), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;

    /// <summary>Paragraphs of "key : value" lines, one for each logical processor.</summary>
    private static IEnumerable<Dictionary<string, string>> Processors(string cpuInfo)
    {
        foreach (string paragraph in cpuInfo.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            Dictionary<string, string> entries = new(StringComparer.Ordinal);
            foreach (string line in paragraph.Split('\n'))
            {
                int colon = line.IndexOf(':', StringComparison.Ordinal);
                if (colon > 0)
                {
                    entries[line[..colon].Trim()] = line[(colon + 1)..].Trim();
                }
            }

            if (entries.ContainsKey("processor"))
            {
                yield return entries;
            }
        }
    }
}
