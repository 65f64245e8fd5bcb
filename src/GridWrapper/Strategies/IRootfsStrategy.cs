using GridWrapper.Planning;

namespace GridWrapper.Strategies;

/// <summary>One way of getting the root filesystem of an image. To add one: one file here, one line in StrategyCatalog.</summary>
internal interface IRootfsStrategy
{
    /// <summary>Fixed name in options, plans and reports.</summary>
    string Name { get; }

    /// <summary>Tells apart ways that share a name; empty where there is only one.</summary>
    string Way => "";

    /// <summary>The only launcher that can take what it makes; null for any.</summary>
    string? OnlyLauncher => null;

    /// <summary>The root filesystem lies in directories of this node once it is made; otherwise it is there only while something runs in it.</summary>
    bool LeavesRoot => true;

    /// <summary>What it brings stays in the node's cache for the next run, be it a root or what one is served from.</summary>
    bool FillsCache => LeavesRoot;

    /// <summary>Pure: whether this strategy can serve the image in the given form on this node, at what cost, or which fact refuses it.</summary>
    Verdict Judge(PlanInput input, RootfsForm form);

    /// <summary>Pure: what <see cref="MaterialiseAsync"/> would return (transfer counts zero). Called only after a usable verdict.</summary>
    Rootfs Predict(PlanInput input, RootfsForm form);

    /// <summary>Makes the root filesystem. Anything already there and verified is used.</summary>
    /// <exception cref="Diagnostics.GridWrapperException">It could not be made; nothing half-made is visible to others.</exception>
    Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct);
}
