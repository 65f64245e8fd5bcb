namespace GridWrapper.Probing;

/// <summary>What this node is and allows, each fact found by doing. Groups are filled on demand: what was not asked is Unknown("not asked").</summary>
internal sealed record HostFacts
{
    public required NodeFacts Node { get; init; }

    /// <summary>What the rootless launcher may do here.</summary>
    public Fact<NamespaceFacts> Namespaces { get; init; } = new Fact<NamespaceFacts>.Unknown("not asked");

    /// <summary>Control groups that payloads can be given.</summary>
    public Fact<CgroupFacts> Cgroups { get; init; } = new Fact<CgroupFacts>.Unknown("not asked");

    /// <summary>Container runtimes found, usable or not, best first.</summary>
    public Fact<ImmutableArray<RuntimeFacts>> Runtimes { get; init; } = new Fact<ImmutableArray<RuntimeFacts>>.Unknown("not asked");

    /// <summary>/cvmfs and the repositories asked about.</summary>
    public Fact<CvmfsFacts> Cvmfs { get; init; } = new Fact<CvmfsFacts>.Unknown("not asked");

    public ImmutableArray<SpaceFacts> Space { get; init; } = [];

    /// <summary>Readable and writable /dev/fuse.</summary>
    public Fact<string> FuseDevice { get; init; } = new Fact<string>.Unknown("not asked");

    /// <summary>A program that mounts squashfs files.</summary>
    public Fact<SquashfuseFacts> Squashfuse { get; init; } = new Fact<SquashfuseFacts>.Unknown("not asked");

    /// <summary>Device nodes of GPUs, by vendor.</summary>
    public Fact<ImmutableArray<GpuFacts>> Gpus { get; init; } = new Fact<ImmutableArray<GpuFacts>>.Unknown("not asked");

    /// <summary>Ranges of ids that this user may map.</summary>
    public Fact<SubordinateIds> SubordinateIds { get; init; } = new Fact<SubordinateIds>.Unknown("not asked");

    /// <summary>Path or soname of libzstd on this node.</summary>
    public Fact<string> Zstd { get; init; } = new Fact<string>.Unknown("not asked");

    /// <summary>Soname of the node's zlib, by which layers can be kept compressed.</summary>
    public Fact<string> Zlib { get; init; } = new Fact<string>.Unknown("not asked");

    /// <summary>Proxy settings of the environment, credentials removed.</summary>
    public ImmutableArray<string> Proxies { get; init; } = [];
}
