namespace GridWrapper.Probing;

/// <summary>GPUs of one vendor, and what of their driver a payload needs.</summary>
/// <param name="Vendor">"nvidia" or "amd".</param>
/// <param name="Devices">Absolute paths of the device nodes.</param>
internal sealed record GpuFacts(string Vendor, ImmutableArray<string> Devices)
{
    /// <summary>Cards in the order of their places on the bus, which is how nvidia-smi numbers them.</summary>
    public ImmutableArray<GpuCard> Cards { get; init; } = [];

    /// <summary>Shared libraries of the driver, by soname.</summary>
    public ImmutableArray<DriverFile> Libraries { get; init; } = [];

    /// <summary>Programs of the driver.</summary>
    public ImmutableArray<DriverFile> Programs { get; init; } = [];

    /// <summary>Whole directories that have to be there at their own path (Windows' driver in WSL).</summary>
    public ImmutableArray<string> Directories { get; init; } = [];

    /// <summary>What the node's CDI specification says, null where it has none for this vendor.</summary>
    public CdiSpec? Cdi { get; init; }

    /// <summary>What could not be read, for people.</summary>
    public ImmutableArray<string> Notes { get; init; } = [];
}

/// <summary>One card.</summary>
/// <param name="Minor">N of /dev/nvidiaN.</param>
internal sealed record GpuCard(int Minor, string Uuid);

/// <summary>One file of a driver.</summary>
/// <param name="Path">On this node.</param>
/// <param name="Name">By which programs look for it: the soname of a library.</param>
/// <param name="Glibc">Version of the C library that it needs; empty for none or unknown.</param>
internal sealed record DriverFile(string Path, string Name, string Glibc);
