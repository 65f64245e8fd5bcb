using GridWrapper.Diagnostics;
using GridWrapper.Linux;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Launching;

/// <summary>
/// Our own launcher: user, mount, pid, ipc and uts namespaces with a single-id map, entered by gridwrap-init. The payload keeps its uid, has no capabilities and
/// no way to gain privileges, and sees nothing of the host but what the operations name.
/// </summary>
/// <param name="helperDirectory">Where the helper's file goes on nodes that forbid executing memory files.</param>
internal sealed class RootlessLauncher(string helperDirectory) : ILauncher
{
    /// <summary>What the payload left running may live this long after it.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(1);

    public string Name => "rootless";

    public RootfsForm Form => RootfsForm.Stack;

    public bool TakesOptionalBinds => true;

    public Verdict Judge(PlanInput input)
    {
        if (!input.Host.Namespaces.IsKnown(out NamespaceFacts facts))
        {
            return Refuse($"could not tell whether user namespaces work: {input.Host.Namespaces.Why}", null);
        }

        return Fault(facts.UserNamespace, "user namespaces do", "ask the site for user.max_user_namespaces > 0 (and, on Ubuntu 24.04, kernel.apparmor_restrict_unprivileged_userns=0)")
            ?? Fault(facts.Bind, "bind mounts in a user namespace do", "the pilot's own container must allow mount(2)")
            ?? Fault(facts.Overlay, "overlay in a user namespace does", "it needs Linux 5.11, or EL 8.5")
            ?? Fault(facts.Pivot, "pivot_root does", "the pilot's own root must be a mount point")
            ?? (Verdict)Verdict.Yes(new Cost(0, 0, 0, 0.02), "user namespaces work here");
    }

    public LaunchSpec Build(LaunchRequest request)
    {
        NodeFacts node = request.Plan.Host.Node;
        (ImmutableArray<string> argv, ImmutableSortedDictionary<string, string> environment) = Payload(request);
        string directory = PayloadDirectory.Create(request);
        bool freshProc = request.Plan.Host.Namespaces.IsKnown(out NamespaceFacts facts) && facts.FreshProc.Works;
        string home = environment.GetValueOrDefault("HOME", "/");
        return new LaunchSpec
        {
            Launcher = Name,
            Argv = argv,
            Environment = environment,
            WorkingDirectory = directory,
            UidMap = [string.Create(CultureInfo.InvariantCulture, $"{node.Uid} {node.Uid} 1")],
            GidMap = [string.Create(CultureInfo.InvariantCulture, $"{node.Gid} {node.Gid} 1")],
            Operations = RootlessOperations.Create(request, directory, home, freshProc),
            Interactive = request.Interactive,
            StopSignal = PersonalityRules.StopSignal(request),
        };
    }

    public Task<RunResult> RunAsync(LaunchSpec spec, RunControl control, CancellationToken ct) =>
        Task.Factory.StartNew(() => Run(spec, control, ct), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>The same on the calling thread, for a caller that has nothing else to do meanwhile.</summary>
    internal RunResult Run(LaunchSpec spec, RunControl control, CancellationToken ct)
    {
        byte[] plan = PlanEncoder.Encode(spec, PlanEncoder.ModeOf(spec), new PlanCaller(Environment.ProcessId, Linger, OpenFileLimit.OfCaller()));
        try
        {
            using InitProcess init = InitProcess.Start(plan, (control.StandardOutput, control.StandardError), helperDirectory);
            return new RootlessRun(spec, control, init).Run(ct);
        }
        catch (LinuxException e)
        {
            throw new GridWrapperException(RootlessFailure.NotStarted(e), e);
        }
    }

    private static (ImmutableArray<string> Argv, ImmutableSortedDictionary<string, string> Environment) Payload(LaunchRequest request) =>
        PersonalityRules.NeedsScripts(request)
            ? SingularityEnvironment.Wrap(request, PayloadCommand.Create(request))
            : (PayloadCommand.Create(request), PayloadEnvironment.Create(request));

    private static Verdict.Refused? Fault(StepResult step, string what, string advice) =>
        step.Works ? null : Refuse($"{what} not work here ({step.Detail}); {advice}", step.Errno);

    private static Verdict.Refused Refuse(string reason, string? errno) => new()
    {
        Reason = reason,
        Errno = errno,
        Blame = Blame.Site,
        PilotErrorCode = PilotError.UserNamespaceFailed,
        Retryable = true,
    };
}
