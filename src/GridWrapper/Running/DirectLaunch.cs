using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>
/// The short way of `exec` on a directory of this node: there is nothing to choose, so the launch itself is the probe. It assumes what a survey finds on a healthy node; a
/// launch that fails before the payload started is forgotten, and the survey finds out why.
/// </summary>
internal sealed class DirectLaunch(RunSettings settings)
{
    private const string StrategyName = "directory";
    private const string LauncherName = "rootless";

    /// <summary>What would run, as the survey would have it; null where the short way does not apply.</summary>
    internal Prepared? Prepare(ImageReference reference)
    {
        if (reference is not ImageReference.AtPath { Path: var path } || !Applies() || path.StartsWith(settings.Site.Cvmfs.Root + "/", StringComparison.Ordinal))
        {
            return null;
        }

        MountInfo mounts = MountInfo.Read();
        return LocalPath.Resolve(path, mounts) is LocalPath.Here here && Directory.Exists(here.Path) ? Assume(reference, here.Path, mounts) : null;
    }

    /// <returns>Null when the payload could not be started this way.</returns>
    internal ImageOutcome? Try(Prepared prepared, LaunchRequest request, RunControl control, CancellationToken ct)
    {
        RootlessLauncher launcher = new(settings.CacheDirectory);
        try
        {
            RunResult result = launcher.Run(launcher.Build(request), control, ct);
            return new ImageOutcome
            {
                Input = prepared.Input,
                Plan = prepared.Plan,
                Rootfs = request.Rootfs,
                Result = result,
                Attempts = [new Attempt(StrategyName, LauncherName, Phase.Payload, result.WallSeconds, null)],
            };
        }
        catch (GridWrapperException e) when (e.Failure is { Phase: Phase.Launch, Blame: not Blame.User })
        {
            return null;
        }
    }

    internal static Rootfs Rootfs(Prepared prepared)
    {
        string tree = ((Fact<PathImage>.Known)prepared.Input.Image.AtPath).Value.Path;
        return new Rootfs { Strategy = StrategyName, LowerDirectories = [tree], Inside = InsideLook.AtLocal(tree, prepared.Input.Host) };
    }

    private bool Applies() =>
        settings.ForcedStrategy is null or StrategyName
        && settings.ForcedLauncher is null or LauncherName
        && settings.Site.Strategies.Contains(StrategyName)
        && settings.Site.Launchers is [LauncherName, ..]
        && settings.Site.Images.IsOpen
        && settings.Gpu != "on"
        && settings.Isolation.Mapping == IdMapping.Single
        && !HasGpu();

    /// <summary>Devices have to be listed, which is the survey's work.</summary>
    private bool HasGpu() => settings.Gpu != "off" && (File.Exists("/dev/nvidiactl") || File.Exists("/dev/kfd") || File.Exists("/dev/dxg"));

    private Prepared Assume(ImageReference reference, string path, MountInfo mounts)
    {
        HostFacts host = new()
        {
            Node = NodeProbe.Identity(settings.Environment),
            Namespaces = new Fact<NamespaceFacts>.Known(new NamespaceFacts
            {
                UserNamespace = StepResult.Ok,
                Bind = StepResult.Ok,
                Overlay = StepResult.Ok,
                OverlayUserXattr = StepResult.Ok,
                FreshProc = StepResult.Ok,
                Pivot = StepResult.Ok,
            }),
            Cvmfs = Surveyor.IsMounted(mounts, settings.Site.Cvmfs.Root)
                ? new Fact<CvmfsFacts>.Known(new CvmfsFacts { Root = settings.Site.Cvmfs.Root, Present = true, Repositories = [] })
                : new Fact<CvmfsFacts>.Unknown("not asked"),
        };
        PlanInput input = new()
        {
            Site = settings.Site,
            Host = host,
            Image = new ImageFacts { Reference = reference, AtPath = new Fact<PathImage>.Known(new PathImage(path, "directory", OnCvmfs: false)) },
            CacheDirectory = settings.CacheDirectory,
            Writable = settings.Writable,
        };
        Candidate only = new(StrategyName, LauncherName, Verdict.Yes(Cost.Nothing, "a directory of this node"));
        return new Prepared(input, new RunPlan([only]), new Timings());
    }
}
