using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Launching;

/// <summary>What the rootless launcher puts a root together with.</summary>
internal enum RootKind
{
    /// <summary>The kernel's overlay.</summary>
    Overlay,

    /// <summary>fuse-overlayfs.</summary>
    FuseOverlay,

    /// <summary>One directory, read-only, opened for missing mount points.</summary>
    Binds,

    /// <summary>Nothing here can.</summary>
    None,
}

/// <summary>The ladder: the kernel's overlay, then fuse-overlayfs, then one directory with binds. A served tree has its mount points made for it, and needs an overlay only to be written to. Where it stands follows from the facts. Pure.</summary>
internal static class RootChoice
{
    internal static RootKind Of(Rootfs rootfs, bool writable, Fact<NamespaceFacts> host)
    {
        if (rootfs.IsServed && !writable)
        {
            return RootKind.Binds;
        }

        if (!host.IsKnown(out NamespaceFacts facts) || (facts.Overlay.Works && (facts.OverlayUserXattr.Works || !rootfs.UserXattr)))
        {
            return RootKind.Overlay;
        }

        bool single = rootfs.LowerDirectories.Length == 1;
        return rootfs.IsServed && !facts.FuseOverlay.Works ? RootKind.None : facts.FuseOverlay.Works && (!single || writable) ? RootKind.FuseOverlay : single ? RootKind.Binds : RootKind.None;
    }

    /// <summary>As results name it.</summary>
    internal static string Name(RootKind kind) => kind switch
    {
        RootKind.Overlay => "overlay",
        RootKind.FuseOverlay => "fuse-overlayfs",
        RootKind.Binds => "binds",
        _ => "none",
    };

    /// <summary>The assembled root did not come to be, or was not what the layers mean; what it stands on is alive.</summary>
    internal static bool IsAtFault(Diagnostics.Failure failure) =>
        failure is { Phase: Diagnostics.Phase.Launch, Step: LaunchOperations.Overlay or LaunchOperations.FuseOverlay or LaunchOperations.Expect, Blame: not Diagnostics.Blame.Cvmfs };

    /// <summary>The same of a stack of which some layers are served, or these could not be.</summary>
    internal static bool IsServingAtFault(Diagnostics.Failure failure) => IsAtFault(failure) || failure is { Phase: Diagnostics.Phase.Launch, Step: LaunchOperations.Serve };

    /// <summary>The facts after that: the next lower rung. Null where there is none.</summary>
    internal static NamespaceFacts? Below(NamespaceFacts facts, RootKind kind, Rootfs rootfs, Diagnostics.Failure failure)
    {
        StepResult fault = new(false, failure.Errno, $"{failure.Step}: {failure.Message}");
        return kind switch
        {
            RootKind.Overlay when rootfs.UserXattr => facts with { OverlayUserXattr = fault },
            RootKind.Overlay => facts with { Overlay = fault },
            RootKind.FuseOverlay => facts with { FuseOverlay = fault },
            _ => null,
        };
    }
}
