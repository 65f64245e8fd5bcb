namespace GridWrapper.Probing;

/// <summary>GPU device nodes of one vendor.</summary>
/// <param name="Vendor">"nvidia" or "amd".</param>
/// <param name="Devices">Absolute paths of the device nodes.</param>
internal sealed record GpuFacts(string Vendor, ImmutableArray<string> Devices);
