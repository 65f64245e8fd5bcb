using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Strategies;
using NLog;

namespace GridWrapper.Running;

/// <summary>
/// Runs something in an image: takes the plan's candidates one after the other, makes the root filesystem, launches. The fallback loop:
/// what fails before the payload started leads to the next candidate, and every try is kept.
/// </summary>
internal sealed class ImageRunner(Composition parts, TimeProvider time)
{
    private static readonly Logger Log = LogManager.GetCurrentClassLogger();

    /// <param name="prepared">The plan and what it was made from.</param>
    /// <param name="compose">Completes the launch once the root filesystem is known (or predicted).</param>
    /// <param name="control">Supervision of the payload.</param>
    internal async Task<ImageOutcome> RunAsync(Prepared prepared, Func<Rootfs, LaunchRequest> compose, RunControl control, CancellationToken ct)
    {
        ImageOutcome outcome = new() { Input = prepared.Input, Plan = prepared.Plan, Timings = prepared.Timings };
        if (prepared.Plan.Chosen is null)
        {
            return outcome with { Failure = prepared.Input.Image.ResolveFailure ?? Planner.Explain(prepared.Plan, prepared.Input) };
        }

        Dictionary<(string Strategy, RootfsForm Form), Failure> hopeless = [];
        foreach (Candidate candidate in prepared.Plan.Candidates.Where(c => c.IsUsable))
        {
            ILauncher launcher = parts.Launcher(candidate.Launcher);
            if (hopeless.ContainsKey((candidate.Strategy, launcher.Form)))
            {
                continue;
            }

            Trial trial = new(candidate, launcher, time.GetTimestamp());
            try
            {
                return await TryAsync(outcome, trial, compose, control, ct);
            }
            catch (GridWrapperException e)
            {
                Log.Warn("{Strategy} with {Launcher} failed at {Step}: {Message}", candidate.Strategy, candidate.Launcher, e.Failure.Step, e.Message);
                if (e.Failure.Phase == Phase.Materialise)
                {
                    hopeless[(candidate.Strategy, launcher.Form)] = e.Failure;
                }

                double seconds = time.GetElapsedTime(trial.Began).TotalSeconds;
                outcome = outcome with
                {
                    Attempts = outcome.Attempts.Add(new Attempt(candidate.Strategy, candidate.Launcher, e.Failure.Phase, seconds, e.Failure)),
                    Failure = outcome.Failure ?? e.Failure,
                };
                if (ct.IsCancellationRequested)
                {
                    break;
                }
            }
        }

        return outcome;
    }

    private async Task<ImageOutcome> TryAsync(ImageOutcome outcome, Trial trial, Func<Rootfs, LaunchRequest> compose, RunControl control, CancellationToken ct)
    {
        Candidate candidate = trial.Candidate;
        Rootfs rootfs = await parts.Strategy(candidate.Strategy).MaterialiseAsync(outcome.Input, trial.Launcher.Form, ct);
        double materialise = time.GetElapsedTime(trial.Began).TotalSeconds;
        long launched = time.GetTimestamp();
        LaunchSpec spec = trial.Launcher.Build(compose(rootfs));
        RunResult result = await trial.Launcher.RunAsync(spec, control, ct);
        double whole = time.GetElapsedTime(launched).TotalSeconds;
        return outcome with
        {
            Rootfs = rootfs,
            Result = result,
            Failure = null,
            Attempts = outcome.Attempts.Add(new Attempt(candidate.Strategy, candidate.Launcher, Phase.Payload, materialise + whole, null)),
            Timings = outcome.Timings with { Materialise = materialise, Launch = Math.Max(0, whole - result.WallSeconds), Payload = result.WallSeconds },
        };
    }

    private sealed record Trial(Candidate Candidate, ILauncher Launcher, long Began);
}
