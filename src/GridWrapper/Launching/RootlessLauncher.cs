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

    /// <summary>Layers need an overlay that honours their removals, the kernel's or fuse-overlayfs; without one there is room for one directory.</summary>
    public RootfsForm FormOn(HostFacts host) =>
        !host.Namespaces.IsKnown(out NamespaceFacts facts) || facts.StacksLayers ? RootfsForm.Stack
        : facts.FuseOverlay.Works ? RootfsForm.FuseStack
        : RootfsForm.Tree;

    public bool TakesOptionalBinds => true;

    public Verdict Judge(PlanInput input) => RootlessJudge.Judge(input);

    public LaunchSpec Build(LaunchRequest request)
    {
        IdentityMaps maps = IdentityMaps.Create(request.Plan.Host.Node, request.Isolation, request.Plan.Host.SubordinateIds);
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
            UidMap = maps.Uids,
            GidMap = maps.Gids,
            InnerUidMap = maps.InnerUids,
            InnerGidMap = maps.InnerGids,
            UidMapper = maps.UidMapper,
            GidMapper = maps.GidMapper,
            FakeRoot = request.Isolation.FakeRoot && maps.IsSingle,
            DenySystemCalls = request.Isolation.DenySystemCalls,
            KeepKeyring = request.Isolation.KeepKeyring,
            Warning = maps.Warning,
            Operations = RootlessOperations.Create(request, directory, home, freshProc),
            StopSignal = PersonalityRules.StopSignal(request),
            Terminal = request.Terminal,
            Served = request.Rootfs.Served,
        };
    }

    public Task<RunResult> RunAsync(LaunchSpec spec, RunControl control, CancellationToken ct) =>
        Task.Factory.StartNew(() => Run(spec, control, ct), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>The same on the calling thread, for a caller that has nothing else to do meanwhile.</summary>
    internal RunResult Run(LaunchSpec spec, RunControl control, CancellationToken ct)
    {
        if (spec.Warning is { } warning)
        {
            Console.Error.WriteLine($"gridwrap: warning: {warning}");
        }

        try
        {
            return RunOnce(spec, control, ct);
        }
        catch (GridWrapperException e) when (spec.UidMapper is not null && e.Failure.Step is "write-uid-map" or "write-gid-map")
        {
            string program = e.Failure.Step == "write-uid-map" ? spec.UidMapper! : spec.GidMapper!;
            return Run(WithOneId(spec, $"{program} refused the range of /etc/subuid and /etc/subgid: it needs this user in passwd, and may not gain its privileges under no_new_privs or on a nosuid file system"), control, ct);
        }
    }

    /// <summary>The same launch for a node that does not keep its word about ranges of ids.</summary>
    internal static LaunchSpec WithOneId(LaunchSpec spec, string why)
    {
        IdentityMaps maps = IdentityMaps.Single(Libc.GetUid(), Libc.GetGid(), root: !spec.InnerUidMap.IsEmpty);
        return spec with
        {
            UidMap = maps.Uids,
            GidMap = maps.Gids,
            InnerUidMap = maps.InnerUids,
            InnerGidMap = maps.InnerGids,
            UidMapper = null,
            GidMapper = null,
            FakeRoot = !spec.InnerUidMap.IsEmpty,
            Warning = IdentityMaps.NoRange(why),
        };
    }

    private RunResult RunOnce(LaunchSpec spec, RunControl control, CancellationToken ct)
    {
        using TerminalProxy? terminal = spec.Terminal ? TerminalProxy.Open() : null;
        LaunchSpec launch = TerminalProxy.Named(spec, terminal);
        byte[] plan = PlanEncoder.Encode(launch, PlanEncoder.ModeOf(launch), new PlanCaller(Environment.ProcessId, Linger, OpenFileLimit.OfCaller()));
        try
        {
            using ServedLaunch? served = launch.Served is null ? null : new ServedLaunch(launch.Served, launch.Operations);
            using InitProcess init = InitProcess.Start(plan, StandardStreams.Of(control, terminal) with { Serving = served?.Childs }, helperDirectory);
            served?.Begin();
            terminal?.Start();
            RunResult result = new RootlessRun(launch, control, init, terminal).Run(ct);
            return served is null ? result : result with { Serving = served.End() };
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
}
