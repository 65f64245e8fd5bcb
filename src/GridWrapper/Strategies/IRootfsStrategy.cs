using GridWrapper.Planning;

namespace GridWrapper.Strategies;

/// <summary>One way of getting the root filesystem of an image. To add one: one file here, one line in StrategyCatalog.</summary>
internal interface IRootfsStrategy
{
    /// <summary>Fixed name in options, plans and reports.</summary>
    string Name { get; }

    /// <summary>Pure: whether this strategy can serve the image in the given form on this node, at what cost, or which fact refuses it.</summary>
    Verdict Judge(PlanInput input, RootfsForm form);

    /// <summary>Pure: what <see cref="MaterialiseAsync"/> would return (transfer counts zero). Called only after a usable verdict.</summary>
    Rootfs Predict(PlanInput input, RootfsForm form);

    /// <summary>Makes the root filesystem. Anything already there and verified is used.</summary>
    /// <exception cref="Diagnostics.GridWrapperException">It could not be made; nothing half-made is visible to others.</exception>
    Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct);
}
