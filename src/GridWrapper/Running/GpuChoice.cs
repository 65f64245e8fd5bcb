using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>Whether this payload gets GPUs, and what of them. Pure.</summary>
internal static class GpuChoice
{
    /// <summary>Null where it gets none.</summary>
    internal static GpuSupply? Of(RunSettings settings, HostFacts host, Rootfs rootfs) =>
        settings.Gpu != "off" && host.Gpus.IsKnown(out ImmutableArray<GpuFacts> gpus) ? GpuSupplier.Create(gpus, rootfs.Inside, settings.Environment) : null;

    /// <summary>Why a payload that must have a GPU cannot have one here; null where it can, and where it need not.</summary>
    internal static string? Missing(RunSettings settings, HostFacts host)
    {
        if (settings.Gpu != "on")
        {
            return null;
        }

        if (!host.Gpus.IsKnown(out ImmutableArray<GpuFacts> gpus))
        {
            return $"a GPU is required (--gpu on), and this node has none to give: {host.Gpus.Why}. If it has one, its driver has not made its device nodes yet: run nvidia-modprobe -u -c=0, or nvidia-smi, as root at boot";
        }

        return GpuSelection.Of(settings.Environment) is GpuSelection.Nothing nothing && gpus.All(g => g.Vendor == "nvidia")
            ? $"a GPU is required (--gpu on), and the batch system has given this slot none: {nothing.Reason}"
            : null;
    }
}
