using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>What a report of gridwrap-init that is not a start means, with blame and code. Pure.</summary>
internal static class RootlessFailure
{
    private const string UsedUp = "a limit of the user is used up: processes (ulimit -u, pids.max of the slot) or namespaces (sysctl user.max_user_namespaces)";

    internal static Failure NotStarted(LinuxException e) => e.ErrnoName == "EAGAIN" ? Site("start-helper", e.ErrnoName, PilotError.ResourceUnavailable, $"gridwrap-init could not be started: {e.Message}; {UsedUp}") : Site(
        "start-helper",
        e.ErrnoName,
        PilotError.ContainerGeneralFailure,
        $"gridwrap-init could not be started: {e.Message}. The node forbids executing memory files and files of the cache, or has no processes left");

    internal static Failure From(InitReport report, LaunchSpec spec)
    {
        string errno = Errno.Name(report.Errno);
        string step = report.StepName(spec.Operations);
        LaunchOperation? operation = report.Operation(spec.Operations);
        string subject = (operation?.Source ?? operation?.Target) is null ? "" : $" {operation!.Source ?? operation.Target}{(operation.Source is not null && operation.Target is not null ? $" on {operation.Target}" : "")}";
        if (report.Kind == InitReportKind.BadPlan)
        {
            return Site("read-plan", errno, PilotError.PayloadExecutionException, $"gridwrap-init refused its plan (check {report.Step}). This is a defect of gridwrap") with { Blame = Blame.GridWrap };
        }

        if (report.Errno == Errno.EAGAIN && operation is null)
        {
            return Site(step, errno, PilotError.ResourceUnavailable, $"{step} failed with {errno}: {UsedUp}");
        }

        if (report.IsNamespaceStep)
        {
            return Site(step, errno, PilotError.UserNamespaceFailed, $"a user namespace could not be set up: {step} failed with {errno}");
        }

        if (operation is { Op: LaunchOperations.Image })
        {
            return Site(step, errno, PilotError.ContainerImageMountFailure, $"{operation.Options.Split(' ')[0]} could not mount {operation.Source} ({errno}); it ended, or did not answer. Try it by hand: it says why");
        }

        if (operation is { Op: LaunchOperations.Serve })
        {
            return Site(step, errno, PilotError.ContainerImageMountFailure, $"the root filesystem could not be served to the payload: mounting it on {operation.Target} failed with {errno}. {ServeAdvice(report.Errno)}");
        }

        if (report.Errno is Errno.ENOTCONN or Errno.ECONNABORTED or Errno.EIO)
        {
            return Site(step, errno, PilotError.CvmfsNotAlive, $"{step}{subject} failed with {errno}: the file system below it is dead") with { Blame = Blame.Cvmfs };
        }

        if (operation?.Target is "/proc" or "/sys" or "/dev" or "/tmp" or "/var/tmp" && report.Errno is Errno.ELOOP or Errno.ENOTDIR or Errno.ENAMETOOLONG)
        {
            return Site(
                step, errno, PilotError.ContainerImageMountFailure, $"nothing can be mounted on {operation.Target} of the image ({errno}); it must be a directory there, or nothing") with { Blame = Blame.Image, Retryable = false };
        }

        return operation?.Op switch
        {
            LaunchOperations.Bind or LaunchOperations.Scaffold when report.Errno == Errno.ENOENT && operation.Source is not null => Site(
                step, errno, PilotError.ContainerBindFailure, $"{operation.Source} does not exist on this node, or {operation.Target} cannot be made in the image: it cannot be shown"),
            LaunchOperations.Bind => Site(step, errno, PilotError.ContainerBindFailure, $"showing{subject} failed with {errno}"),
            LaunchOperations.Expect => Site(step, errno, PilotError.ContainerImageMountFailure, $"the root filesystem was put together, but is not the image: {Shown(operation, errno)}"),
            LaunchOperations.Layer or LaunchOperations.Overlay or LaunchOperations.Underlay or LaunchOperations.FuseOverlay => Site(
                step, errno, PilotError.ContainerImageMountFailure, $"the root filesystem could not be put together: {step}{subject} failed with {errno}"),
            null when step == "join-cgroup" => Site(step, errno, PilotError.ContainerGeneralFailure, $"the cgroup {spec.CgroupDirectory} cannot be joined: {errno}"),
            null when step == "set-limits" => Site(step, errno, PilotError.ContainerGeneralFailure, $"a resource limit cannot be set: {errno}. It is above the hard limit that gridwrap was started with"),
            null when step == "system-call-filter" => Site(
                step, errno, PilotError.ContainerGeneralFailure, $"the kernel does not take the filter of system calls: {errno}. Set isolation.seccomp to none in the profile, or leave --fake-root"),
            null when step == "enter-directory" => Site(
                step, errno, PilotError.PayloadExecutionFailure, $"the initial directory {spec.WorkingDirectory} cannot be entered in the image: {errno}. Name another with --pwd") with { Blame = Blame.User, Retryable = false },
            _ => Site(step, errno, PilotError.ContainerGeneralFailure, $"{step}{subject} failed with {errno}"),
        };
    }

    private static string ServeAdvice(int errno) => errno switch
    {
        Errno.ENOENT or Errno.EACCES or Errno.ENXIO => "/dev/fuse must be there and open to users (mode 0666)",
        Errno.EPERM or Errno.ENODEV or Errno.EINVAL => "FUSE in a user namespace needs Linux 4.18 with the module fuse, and a filter around the pilot must allow mount(2)",
        Errno.ETIMEDOUT or Errno.ENOTCONN => "gridwrap did not answer the kernel; gridwrap.log says more",
        _ => "Another way of getting the image may work here",
    };

    private static string Shown(LaunchOperation operation, string errno) => (operation.Options, errno) switch
    {
        ("gone", "EEXIST") => $"{operation.Target}, which a layer removes, is there",
        ("write", _) => $"nothing can be made in {operation.Target} ({errno}), although the root was asked to be writable",
        ("copy-up", _) => $"the file {operation.Target} of a layer cannot be changed ({errno}), although the root was asked to be writable",
        (_, "EUCLEAN") => $"{operation.Target} is another thing than the layers hold there ({operation.Options})",
        _ => $"{operation.Target} ({operation.Options}): {errno}",
    };

    internal static Failure NeedsOverlay(int layers, Probing.StepResult overlay) => Site(
        LaunchOperations.Overlay,
        overlay.Errno,
        PilotError.ContainerImageMountFailure,
        $"{layers} layers cannot be put together: overlay in a user namespace does not work here ({overlay.Detail}). It needs Linux 5.11, or EL 8.5; as one directory the image would run");

    internal static Failure SetupHung(TimeSpan deadline, int pid) => Site(
        "set-up",
        "ETIMEDOUT",
        PilotError.CommandTimedOut,
        string.Create(CultureInfo.InvariantCulture, $"setting up the root filesystem did not finish within {deadline.TotalSeconds:0} s (process {pid}): a file system that it needs hangs"));

    internal static Failure Vanished(int exitCode) => Site(
        "set-up",
        null,
        PilotError.ContainerGeneralFailure,
        string.Create(CultureInfo.InvariantCulture, $"gridwrap-init ended with code {exitCode} before the payload started, without saying why: it was killed from outside"));

    private static Failure Site(string step, string? errno, int pilotErrorCode, string message) => new()
    {
        Blame = Blame.Site,
        Phase = Phase.Launch,
        Step = step,
        Errno = errno,
        PilotErrorCode = pilotErrorCode,
        Message = message,
        Retryable = true,
    };
}
