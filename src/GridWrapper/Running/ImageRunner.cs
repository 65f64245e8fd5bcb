using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Serving;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>
/// Runs something in an image: takes the plan's candidates one after the other, makes the root filesystem, launches. The fallback loop:
/// what fails before the payload started leads to the next candidate, and every try is kept.
/// </summary>
internal sealed class ImageRunner(Composition parts, TimeProvider time)
{
    private static TimeSpan KeeperDeadline => TimeSpan.FromSeconds(10);

    private static readonly RoomLog Log = new(nameof(ImageRunner));

    /// <param name="prepared">The plan and what it was made from.</param>
    /// <param name="compose">Completes the launch once the root filesystem is known (or predicted).</param>
    /// <param name="control">Supervision of the payload.</param>
    internal async Task<ImageOutcome> RunAsync(Prepared prepared, Func<Rootfs, LaunchRequest> compose, RunControl control, CancellationToken ct)
    {
        ImageOutcome outcome = new() { Input = prepared.Input, Plan = prepared.Plan, Timings = prepared.Timings };
        if (prepared.Plan.Chosen is null)
        {
            return outcome with { Failure = prepared.WhyNothing };
        }

        if (Preflight.OfPlatform(prepared.Input).Failure is { } unfit)
        {
            return outcome with { Failure = unfit };
        }

        Attempts attempts = new(compose, control);
        outcome = await TryAllAsync(outcome, attempts, ct);
        if (outcome.Result is null && outcome.Failure?.Step != Preflight.Step && !ct.IsCancellationRequested && await parts.Surveyor.WidenAsync(prepared with { Input = outcome.Input, Plan = outcome.Plan }, ct) is { } wider)
        {
            outcome = await TryAllAsync(outcome with { Input = wider.Input, Plan = wider.Plan }, attempts, ct);
        }

        return outcome;
    }

    /// <summary>Candidates that were tried before are passed over, and so is a strategy that could not make its root filesystem in the form in question.</summary>
    private async Task<ImageOutcome> TryAllAsync(ImageOutcome outcome, Attempts attempts, CancellationToken ct)
    {
        foreach (Candidate candidate in outcome.Plan.Candidates.Where(c => c.IsUsable))
        {
            ILauncher launcher = parts.Launcher(candidate.Launcher);
            RootfsForm form = launcher.FormOn(outcome.Input.Host);
            if (attempts.Hopeless.Contains((Named(candidate), form)) || !attempts.Tried.Add((Named(candidate), candidate.Launcher, form, attempts.Rung)))
            {
                continue;
            }

            Trial trial = new(candidate, launcher, time.GetTimestamp());
            try
            {
                return await TryAsync(outcome, trial, attempts, ct);
            }
            catch (GridWrapperException e)
            {
                Log.Warn("{Strategy} with {Launcher} failed at {Step}: {Message}", candidate.Strategy, candidate.Launcher, e.Failure.Step, e.Message);
                if (e.Failure.Phase == Phase.Materialise)
                {
                    attempts.Hopeless.Add((Named(candidate), form));
                }

                double seconds = time.GetElapsedTime(trial.Began).TotalSeconds;
                outcome = outcome with
                {
                    Attempts = outcome.Attempts.Add(new Attempt(candidate.Strategy, candidate.Launcher, e.Failure.Phase, seconds, e.Failure) { Way = candidate.Way, Root = trial.Root(outcome.Input) }),
                    Failure = outcome.Failure ?? e.Failure,
                };
                if (!ct.IsCancellationRequested && await BelowAsync(outcome, trial, e.Failure, ct) is { } below)
                {
                    attempts.Rung++;
                    return await TryAllAsync(below, attempts, ct);
                }

                if (ct.IsCancellationRequested || e.Failure.Step == Preflight.Step)
                {
                    // What the image itself lacks it lacks by every way.
                    outcome = outcome with { Failure = e.Failure };
                    break;
                }
            }
        }

        return outcome;
    }

    /// <summary>The same after a fault of the assembled root, planned with what that has shown; null for other faults.</summary>
    private async Task<ImageOutcome?> BelowAsync(ImageOutcome outcome, Trial trial, Failure failure, CancellationToken ct)
    {
        if (trial.Rootfs is not { } rootfs || await parts.Ladder.BelowAsync(outcome.Input.Host, rootfs, outcome.Input.Writable, failure, ct) is not { } host)
        {
            return null;
        }

        PlanInput input = outcome.Input with { Host = host };
        return outcome with { Input = input, Plan = parts.Surveyor.Plan(input) };
    }

    private async Task<ImageOutcome> TryAsync(ImageOutcome outcome, Trial trial, Attempts attempts, CancellationToken ct)
    {
        Candidate candidate = trial.Candidate;
        Rootfs rootfs = await parts.Progress.ShowAsync(
            candidate.Cost.Bytes,
            () => parts.Strategy(candidate).MaterialiseAsync(outcome.Input, trial.Launcher.FormOn(outcome.Input.Host), ct),
            ct);
        await using ServedRoot? served = rootfs.Served;
        rootfs = await parts.Look.AtAsync(rootfs, outcome.Input.Host, ct);
        double materialise = time.GetElapsedTime(trial.Began).TotalSeconds;
        long launched = time.GetTimestamp();
        await using CvmfsKeeper keeper = await CvmfsKeeper.StartAsync(Mounted(outcome.Input), KeeperDeadline, ct);
        trial.Rootfs = rootfs;
        (LaunchRequest request, ImmutableArray<Finding> findings) = await parts.Preflight.DemandAsync(attempts.Compose(rootfs) with { Plan = outcome.Input }, ct);
        VolumeDirectories.Prepare(request);
        foreach (string note in request.Gpu?.Notes ?? [])
        {
            Log.Info("GPU: {Note}", note);
        }

        LaunchSpec spec = trial.Launcher.Build(trial.Launcher.TakesOptionalBinds ? request : WithExistingBinds(request));
        RunResult result = await WatchedLaunch.RunAsync(trial.Launcher, spec, attempts.Control, ct);
        if (result.StuckProcess is { } stuck)
        {
            Log.Error("process {Pid} did not end after KILL: it hangs in the kernel, mostly on a dead file system, and is left behind", stuck);
        }

        KeepTrace(outcome.Input, rootfs, result);
        rootfs = WithLateTransfer(rootfs);
        double whole = time.GetElapsedTime(launched).TotalSeconds;
        return outcome with
        {
            Rootfs = rootfs,
            Findings = findings,
            Result = result,
            Trouble = served?.Trouble?.Invoke(),
            Failure = null,
            Attempts = outcome.Attempts.Add(new Attempt(candidate.Strategy, candidate.Launcher, Phase.Payload, materialise + whole, null) { Way = candidate.Way, Root = trial.Root(outcome.Input) }),
            Timings = outcome.Timings with { Materialise = materialise, Launch = Math.Max(0, whole - result.WallSeconds), Payload = result.WallSeconds },
        };
    }

    /// <summary>What the payload read of a served root, for the next job on this node. The root has ended. Where only some layers were served, the list would be of these alone.</summary>
    private static void KeepTrace(PlanInput input, Rootfs rootfs, RunResult result)
    {
        if (rootfs is { Served: { IsStack: false } served, Config.Digest: { } config } && result.Serving is { } figures)
        {
            AccessTrace.Keep(new CacheDirectory(input.CacheDirectory), config, AccessTrace.Paths(served.Table, figures.FirstReads));
        }
    }

    /// <summary>Of a root that came while it was served, all that came.</summary>
    private static Rootfs WithLateTransfer(Rootfs rootfs) => rootfs.Served?.Fetched is { } fetched && fetched() is var (bytes, requests)
        ? rootfs with { Transfer = rootfs.Transfer with { BytesFetched = bytes, Requests = requests } }
        : rootfs;

    /// <summary>Repositories that autofs could unmount under the payload.</summary>
    private static ImmutableArray<string> Mounted(PlanInput input) => input.Host.Cvmfs.IsKnown(out CvmfsFacts cvmfs)
        ? [.. cvmfs.Repositories.Where(r => r.State == CvmfsState.Healthy).Select(r => r.Path)]
        : [];

    /// <summary>Sources below CVMFS are not looked at from here; they stay.</summary>
    private LaunchRequest WithExistingBinds(LaunchRequest request)
    {
        string cvmfs = parts.Settings.Site.Cvmfs.Root + "/";
        return request with
        {
            Binds = [.. request.Binds.Where(b => !b.Optional || b.Source.StartsWith(cvmfs, StringComparison.Ordinal) || Path.Exists(b.Source))],
        };
    }

    private static string Named(Candidate candidate) => candidate.Way.Length == 0 ? candidate.Strategy : $"{candidate.Strategy} {candidate.Way}";

    private sealed record Trial(Candidate Candidate, ILauncher Launcher, long Began)
    {
        /// <summary>Once it is made.</summary>
        public Rootfs? Rootfs { get; set; }

        internal string? Root(PlanInput input) =>
            Launcher is RootlessLauncher && Rootfs is { } rootfs ? rootfs.IsServed && !input.Writable ? "served" : RootChoice.Name(RootChoice.Of(rootfs, input.Writable, input.Host.Namespaces)) : null;
    }

    /// <summary>What the tries of one run share.</summary>
    private sealed record Attempts(Func<Rootfs, LaunchRequest> Compose, RunControl Control)
    {
        public HashSet<(string Strategy, RootfsForm Form)> Hopeless { get; } = [];

        public HashSet<(string Strategy, string Launcher, RootfsForm Form, int Rung)> Tried { get; } = [];

        /// <summary>How often a root was not what it should be.</summary>
        public int Rung { get; set; }
    }
}
