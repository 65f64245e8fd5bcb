using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>
/// A launch is a probe as well: a root that could not be put together, or was not what its layers mean, refutes the fact that it was planned with. The plan made from what is
/// left takes the next rung: the kernel's overlay, fuse-overlayfs, one flattened directory.
/// </summary>
internal sealed class RootLadder(string helperDirectory)
{
    private static TimeSpan Deadline => TimeSpan.FromSeconds(10);

    /// <summary>The facts without the one that was refuted; null where the failure is of another kind, or there is no lower rung.</summary>
    internal async Task<HostFacts?> BelowAsync(HostFacts host, Rootfs rootfs, bool writable, Failure failure, CancellationToken ct)
    {
        if (rootfs.Packed is not null && RootChoice.IsServingAtFault(failure) && host.Namespaces.IsKnown(out NamespaceFacts served))
        {
            // The same layers can be stacked unpacked.
            return host with { Namespaces = new Fact<NamespaceFacts>.Known(served with { Fuse = new StepResult(false, failure.Errno, $"{failure.Step}: {failure.Message}") }) };
        }

        if (!RootChoice.IsAtFault(failure) || !host.Namespaces.IsKnown(out NamespaceFacts facts))
        {
            return null;
        }

        RootKind kind = RootChoice.Of(rootfs, writable, host.Namespaces);
        if (RootChoice.Below(facts, kind, rootfs, failure) is not { } lower)
        {
            return null;
        }

        if (lower.FuseOverlay == NamespaceFacts.NotTried)
        {
            lower = await FuseOverlayProbe.AddAsync(lower, helperDirectory, Deadline, ct);
        }

        return host with { Namespaces = new Fact<NamespaceFacts>.Known(lower) };
    }
}
