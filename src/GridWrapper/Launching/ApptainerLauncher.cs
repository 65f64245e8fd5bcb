using System.Diagnostics;
using GridWrapper.Diagnostics;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Launching;

/// <summary>
/// Runs payloads by the node's Apptainer or Singularity: for nodes where only that program may make namespaces (setuid installations, AppArmor profiles).
/// </summary>
/// <param name="helperDirectory">Where the helper's file goes on nodes that forbid executing memory files.</param>
internal sealed class ApptainerLauncher(string helperDirectory) : ILauncher
{
    internal const string FixedName = "apptainer";

    /// <summary>Starting a container, measured on two cores.</summary>
    private static readonly Cost Launch = new(0, 0, 0, 0.25);

    public string Name => FixedName;

    public RootfsForm FormOn(HostFacts host) => RootfsForm.Tree;

    public bool TakesOptionalBinds => false;

    public Verdict Judge(PlanInput input) => input.Host.Runtimes switch
    {
        Fact<ImmutableArray<RuntimeFacts>>.Known known when Chosen(known.Value) is { } runtime =>
            Verdict.Yes(Launch, $"{runtime.Name} {runtime.Version} at {runtime.Path}"),
        Fact<ImmutableArray<RuntimeFacts>>.Known { Value.IsEmpty: false } known => Broken(known.Value),
        Fact<ImmutableArray<RuntimeFacts>>.Unknown unknown => Missing($"whether Apptainer is on this node could not be told: {unknown.Reason}"),
        Fact<ImmutableArray<RuntimeFacts>>.Absent absent when OnlySingularity(input) => Missing(
            $"no Singularity on this node: {absent.Reason}; the profile names {string.Join(", ", input.Site.Apptainer.Programs)}") with { PilotErrorCode = PilotError.SingularityNotInstalled },
        Fact<ImmutableArray<RuntimeFacts>>.Absent absent => Missing($"no Apptainer on this node: {absent.Reason}"),
        _ => Missing("no Apptainer on this node"),
    };

    public LaunchSpec Build(LaunchRequest request) =>
        request.Plan.Host.Runtimes.IsKnown(out ImmutableArray<RuntimeFacts> runtimes) && Chosen(runtimes) is { } runtime
            ? ApptainerCommandLine.Create(request, runtime)
            : throw new UnreachableException("built without a usable verdict");

    public async Task<RunResult> RunAsync(LaunchSpec spec, RunControl control, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (spec.Inside is not null && await GuestAsync(spec, control, ct) is { } result)
        {
            return result;
        }

        using ApptainerRun run = ApptainerRun.Start(ApptainerGuest.Without(spec), control);
        using CancellationTokenRegistration cancel = ct.Register(run.Cancel);
        return await run.WaitAsync();
    }

    private Task<RunResult?> GuestAsync(LaunchSpec spec, RunControl control, CancellationToken ct) =>
        Task.Factory.StartNew(() => ApptainerGuest.Run(spec, control, helperDirectory, ct), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>The site asks for that program by its name.</summary>
    private static bool OnlySingularity(PlanInput input) =>
        !input.Site.Apptainer.Programs.IsEmpty && input.Site.Apptainer.Programs.All(static p => Path.GetFileName(p).StartsWith("singularity", StringComparison.Ordinal));

    private static RuntimeFacts? Chosen(ImmutableArray<RuntimeFacts> runtimes) =>
        runtimes.FirstOrDefault(r => r.Works.Works && !ApptainerDialect.Of(r).TooOld);

    private static Verdict.Refused Missing(string reason) =>
        new() { Reason = reason, Blame = Blame.Site, PilotErrorCode = PilotError.ApptainerNotInstalled, Retryable = true };

    private static Verdict.Refused Broken(ImmutableArray<RuntimeFacts> runtimes) => new()
    {
        Reason = string.Join("; ", runtimes.Select(r => $"{r.Path} ({r.Version}): {(r.Works.Works ? "too old, 3.6 is the first that will do" : r.Works.Detail)}")),
        Blame = Blame.Site,
        PilotErrorCode = PilotError.ContainerGeneralFailure,
        Errno = runtimes.Select(r => r.Works.Errno).FirstOrDefault(e => e is not null),
        Retryable = true,
    };
}
