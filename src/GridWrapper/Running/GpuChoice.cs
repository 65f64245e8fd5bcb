using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>Whether this payload gets GPUs, and what of them. Pure.</summary>
internal static class GpuChoice
{
    /// <summary>Null where it gets none.</summary>
    internal static GpuSupply? Of(RunSettings settings, HostFacts host, Rootfs rootfs) =>
        settings.Gpu != "off" && host.Gpus.IsKnown(out ImmutableArray<GpuFacts> gpus)
            ? new GpuSupply { Devices = [.. gpus.SelectMany(g => g.Devices)] }
            : null;
}
