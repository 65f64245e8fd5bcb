using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;

namespace GridWrapper.Running;

/// <summary>
/// Finds out what the plan needs to know about this node and this image, and makes the plan: the one call site of <see cref="Planner"/>.
/// Only what the image's kind can use is asked: a directory needs no registry and no CVMFS repository.
/// </summary>
internal sealed class Surveyor(Composition parts, RunSettings settings, TimeProvider time)
{
    private static readonly TimeSpan NamespaceDeadline = TimeSpan.FromSeconds(10);

    internal async Task<Prepared> PrepareAsync(ImageReference reference, CancellationToken ct)
    {
        long began = time.GetTimestamp();
        HostFacts host = await parts.HostProbe.ProbeAsync(Wanted(reference), ct);
        double probe = time.GetElapsedTime(began).TotalSeconds;
        began = time.GetTimestamp();
        ImageFacts image = await SurveyAsync(reference, host, ct);
        PlanInput input = new()
        {
            Site = settings.Site,
            Host = host,
            Image = image,
            CacheDirectory = settings.CacheDirectory,
            Writable = settings.Writable,
            ForcedStrategy = settings.ForcedStrategy,
            ForcedLauncher = settings.ForcedLauncher,
        };
        RunPlan plan = Planner.Plan(input, parts.Strategies, parts.Launchers);
        if (NeedsRuntimes(plan, host))
        {
            // The runtime costs a process to examine, so it is looked at only where our own launcher is not enough.
            input = input with { Host = await parts.HostProbe.WithRuntimesAsync(host, ct) };
            plan = Planner.Plan(input, parts.Strategies, parts.Launchers);
        }

        return new Prepared(input, plan, new Timings { Probe = probe, Resolve = time.GetElapsedTime(began).TotalSeconds });
    }
}
