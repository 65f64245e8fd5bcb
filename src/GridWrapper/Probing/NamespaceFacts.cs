namespace GridWrapper.Probing;

/// <summary>Result of doing a miniature container set-up in a throw-away child: per step null = works, else "step: ERRNO".</summary>
internal sealed record NamespaceFacts
{
    /// <summary>User + mount namespace with an identity map and a private tmpfs: the minimum of the rootless launcher.</summary>
    public required StepResult UserNamespace { get; init; }

    /// <summary>Recursive bind of a directory.</summary>
    public required StepResult Bind { get; init; }

    /// <summary>Overlay of two lower directories with an upper, a file written, renamed and removed in it.</summary>
    public required StepResult Overlay { get; init; }

    /// <summary>Overlay accepts `userxattr` (whiteouts by user.overlay.* work).</summary>
    public required StepResult OverlayUserXattr { get; init; }

    /// <summary>The same overlay by fuse-overlayfs, a program of the node's; looked for only where the kernel's does not work.</summary>
    public StepResult FuseOverlay { get; init; } = NotTried;

    /// <summary>Path of that program, null where it was not looked for or not found.</summary>
    public string? FuseOverlayProgram { get; init; }

    /// <summary>A root put together from binds, with a directory of it opened for a missing mount point: what is done without overlay.</summary>
    public StepResult Underlay { get; init; } = StepResult.Ok;

    /// <summary>A FUSE file system mounted by an ordinary user: what mounting an image file takes.</summary>
    public StepResult Fuse { get; init; } = StepResult.Ok;

    /// <summary>A fresh /proc in an own pid namespace.</summary>
    public required StepResult FreshProc { get; init; }

    /// <summary>pivot_root into the new tree.</summary>
    public required StepResult Pivot { get; init; }

    internal static StepResult NotTried { get; } = new(false, null, "not tried: the kernel's overlay works");

    /// <summary>The kernel stacks layers with their removals.</summary>
    public bool StacksLayers => Overlay.Works && OverlayUserXattr.Works;

    public bool RootlessPossible => UserNamespace.Works && Bind.Works && (Overlay.Works || Underlay.Works) && Pivot.Works;
}
