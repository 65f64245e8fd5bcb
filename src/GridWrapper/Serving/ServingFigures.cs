namespace GridWrapper.Serving;

/// <summary>What serving one root took.</summary>
internal sealed record ServingFigures
{
    /// <summary>By the protocol's names, those that came.</summary>
    public required ImmutableSortedDictionary<string, long> Requests { get; init; }

    /// <summary>Bytes that were asked for and are there.</summary>
    public required long BytesRead { get; init; }

    /// <summary>Reads that had to wait for the network, or for what is kept compressed to be inflated.</summary>
    public required long SlowReads { get; init; }

    /// <summary>Processor time of the threads that have ended.</summary>
    public required double CpuSeconds { get; init; }

    /// <summary>Nodes of the files in the order in which they were first read.</summary>
    public required ImmutableArray<int> FirstReads { get; init; }

    internal long AllRequests => Requests.Values.Sum();

    private static readonly ImmutableArray<(uint Opcode, string Name)> Names =
    [
        (FuseWire.Lookup, "lookup"), (FuseWire.Forget, "forget"), (FuseWire.GetAttributes, "getattr"), (FuseWire.ReadLink, "readlink"), (FuseWire.Open, "open"),
        (FuseWire.Read, "read"), (FuseWire.Statfs, "statfs"), (FuseWire.GetXattr, "getxattr"), (FuseWire.ListXattr, "listxattr"), (FuseWire.Init, "init"),
        (FuseWire.OpenDirectory, "opendir"), (FuseWire.ReadDirectory, "readdir"), (FuseWire.Interrupt, "interrupt"), (FuseWire.BatchForget, "batch-forget"),
        (FuseWire.ReadDirectoryPlus, "readdirplus"),
    ];

    internal static ServingFigures Of(ImmutableArray<FuseAnswers> readers, long slowReads, double cpuSeconds, ImmutableArray<int> firstReads)
    {
        SortedDictionary<string, long> requests = [];
        for (int opcode = 0; opcode < readers[0].Counts.Length; opcode++)
        {
            long count = readers.Sum(r => r.Counts[opcode]);
            if (count > 0)
            {
                string name = Names.FirstOrDefault(n => n.Opcode == opcode).Name ?? "other";
                requests[name] = requests.GetValueOrDefault(name) + count;
            }
        }

        return new ServingFigures
        {
            Requests = requests.ToImmutableSortedDictionary(),
            BytesRead = readers.Sum(r => r.BytesRead),
            SlowReads = slowReads,
            CpuSeconds = cpuSeconds,
            FirstReads = firstReads,
        };
    }
}
