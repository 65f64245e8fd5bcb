using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>An image that was brought to this node without being run.</summary>
/// <param name="Prepared">The plan.</param>
/// <param name="Chosen">The way that was taken.</param>
/// <param name="Rootfs">What lies here now.</param>
internal sealed record FetchedImage(Prepared Prepared, Candidate Chosen, Rootfs Rootfs)
{
    /// <summary>Takes the first way of the plan that leaves the root on this node, or what one is served from; some only show it for the time of a run.</summary>
    /// <param name="parts">The run's parts.</param>
    /// <param name="reference">Of the image.</param>
    /// <param name="form">Null: as the launcher of this node likes it. Otherwise the root itself has to be there.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="GridWrapperException">There is no such way, or it failed.</exception>
    internal static async Task<FetchedImage> BringAsync(Composition parts, string reference, RootfsForm? form, CancellationToken ct)
    {
        Prepared prepared = await parts.Surveyor.PrepareAsync(ImageReferenceParser.Parse(reference, parts.Settings.WorkDirectory), everything: false, ct);
        Prepared lasting = Lasting(parts, prepared, asRoot: form is not null);
        if (lasting.Plan.Chosen is not { } chosen)
        {
            throw new GridWrapperException(lasting.WhyNothing);
        }

        new CacheDirectory(parts.Settings.CacheDirectory).Prepare();
        Rootfs rootfs = await parts.Progress.ShowAsync(
            chosen.Cost.Bytes,
            () => parts.Strategy(chosen).MaterialiseAsync(prepared.Input, form ?? parts.Launcher(chosen.Launcher).FormOn(prepared.Input.Host), ct),
            ct);
        if (rootfs.Served is { } served)
        {
            await served.DisposeAsync();
        }

        return new FetchedImage(prepared, chosen, rootfs);
    }

    /// <summary>Without the ways that do not leave the root on this node. Several ways that do not apply may stand in the plan as one, which is no way by itself.</summary>
    internal static Prepared Lasting(Composition parts, Prepared prepared, bool asRoot) =>
        prepared with { Plan = new RunPlan([.. prepared.Plan.Candidates.Where(c => !parts.Strategies.Any(s => s.Name == c.Strategy && s.Way == c.Way && !(asRoot ? s.LeavesRoot : s.FillsCache)))]) };
}
