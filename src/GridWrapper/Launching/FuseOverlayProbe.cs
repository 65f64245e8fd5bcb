using GridWrapper.Probing;
using static GridWrapper.Launching.LaunchOperations;

namespace GridWrapper.Launching;

/// <summary>Whether fuse-overlayfs can put a root together here: found by doing it, in a throw-away child like <see cref="NamespaceProbe"/>.</summary>
internal static class FuseOverlayProbe
{
    /// <summary>Where distributions keep it, and where Apptainer's packages bring their own. PATH is not looked at: it may name /cvmfs.</summary>
    private static readonly string[] Places = ["/usr/bin/fuse-overlayfs", "/usr/local/bin/fuse-overlayfs", "/usr/libexec/apptainer/bin/fuse-overlayfs"];

    /// <summary>The facts with what was found.</summary>
    internal static async Task<NamespaceFacts> AddAsync(NamespaceFacts facts, string helperDirectory, TimeSpan deadline, CancellationToken ct)
    {
        if (Array.Find(Places, File.Exists) is not { } program)
        {
            return facts with { FuseOverlay = new StepResult(false, "ENOENT", "no program fuse-overlayfs on this node") };
        }

        ImmutableArray<LaunchOperation> steps = Steps(program);
        Fact<ImmutableArray<InitReport>> told = await NamespaceProbe.TryAsync(steps, helperDirectory, deadline, ct);
        StepResult result = told.IsKnown(out ImmutableArray<InitReport> reports) ? Judge(reports, steps) : new StepResult(false, null, told.Why);
        return facts with { FuseOverlay = result, FuseOverlayProgram = program };
    }

    /// <summary>Pure: works if every step did; else the first that did not.</summary>
    internal static StepResult Judge(ImmutableArray<InitReport> reports, ImmutableArray<LaunchOperation> steps)
    {
        if (reports.FirstOrDefault(r => r.Errno != 0) is { } failed)
        {
            return NamespaceProbe.Failed(failed.StepName(steps), failed.Errno);
        }

        return reports.Length == steps.Length ? StepResult.Ok : new StepResult(false, null, "the probe ended early");
    }

    private static ImmutableArray<LaunchOperation> Steps(string program) =>
    [
        new(SlaveRoot, null, null),
        new(Base, null, "/tmp"),
        new(Scaffold, null, "/gridwrap"),
        new(Layer, "/usr", null),
        new(FuseOverlay, program, null),
        new(Expect, null, "/bin", "directory"),
        new(Expect, null, "/gridwrap", "directory"),
        new(Expect, null, "/gridwrap", "write"),
    ];
}
