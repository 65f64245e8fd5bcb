using GridWrapper.Diagnostics;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Launching;

/// <summary>Whether the rootless launcher can work on a node, what is missing where it cannot, and what is different where it can only do with less. Pure.</summary>
internal static class RootlessJudge
{
    internal static Verdict Judge(PlanInput input)
    {
        if (!input.Host.Namespaces.IsKnown(out NamespaceFacts facts))
        {
            return Refuse($"could not tell whether user namespaces work: {input.Host.Namespaces.Why}", null);
        }

        return Fault(facts.UserNamespace, "user namespaces do", Advice(facts.UserNamespace))
            ?? Fault(facts.Bind, "bind mounts in a user namespace do", "the pilot's own container must allow mount(2)")
            ?? RootFault(facts, input.Writable)
            ?? Fault(facts.Pivot, "taking the new root does", "the pilot's own container must allow mount(2) and pivot_root(2) or chroot(2)")
            ?? (Verdict)(Verdict.Yes(new Cost(0, 0, 0, 0.02), "user namespaces work here") with { Note = Note(facts) });
    }

    /// <summary>The line that mends it: a namespace that was made and then cannot mount is held back by something around the pilot.</summary>
    private static string Advice(StepResult step) => step.Detail?.StartsWith("unshare", StringComparison.Ordinal) != false
        ? "ask the site for user.max_user_namespaces > 0 (and, on Ubuntu 24.04, kernel.apparmor_restrict_unprivileged_userns=0); inside a container engine its filter must allow unshare(2)"
        : "the namespace can be made and not used: on Ubuntu 24.04 ask the site for kernel.apparmor_restrict_unprivileged_userns=0; inside a container engine its filter must allow mount(2)";

    private static Verdict.Refused? RootFault(NamespaceFacts facts, bool writable)
    {
        if (facts.Overlay.Works || facts.FuseOverlay.Works)
        {
            return null;
        }

        return writable
            ? Fault(facts.Overlay, "a writable root needs overlay in a user namespace, which does", $"it needs Linux 5.11, or EL 8.5, or fuse-overlayfs ({facts.FuseOverlay.Detail}); without --writable the image runs here")
            : Fault(facts.Underlay, $"overlay in a user namespace does not work here ({facts.Overlay.Detail}), and putting the root together from binds does", "it needs Linux 5.11, or EL 8.5, or mount(2)");
    }

    /// <summary>What a payload may notice of the node's shortcomings.</summary>
    private static string? Note(NamespaceFacts facts)
    {
        string? root = Root(facts);
        string? proc = facts.FreshProc.Works ? null : $"no fresh /proc ({facts.FreshProc.Detail}), so the payload sees the node's processes";
        return (root, proc) is (not null, not null) ? $"{root}; {proc}" : root ?? proc;
    }

    /// <summary>The rung below the kernel's overlay that the root stands on.</summary>
    private static string? Root(NamespaceFacts facts)
    {
        StepResult fault = facts.Overlay.Works ? facts.OverlayUserXattr : facts.Overlay;
        return (facts.StacksLayers, facts.FuseOverlay.Works, facts.Overlay.Works) switch
        {
            (true, _, _) => null,
            (_, true, _) => $"no overlay in user namespaces ({fault.Detail}), so layers are put together by fuse-overlayfs",
            (_, _, true) => $"no overlay of layers in user namespaces ({fault.Detail}; fuse-overlayfs: {facts.FuseOverlay.Detail}), so layers are flattened",
            _ => $"no overlay in user namespaces ({fault.Detail}), so the root is put together from binds",
        };
    }

    private static Verdict.Refused? Fault(StepResult step, string what, string advice) =>
        step.Works ? null : Refuse($"{what} not work here ({step.Detail}); {advice}", step.Errno);

    private static Verdict.Refused Refuse(string reason, string? errno) => new()
    {
        Reason = reason,
        Errno = errno,
        Blame = Blame.Site,
        PilotErrorCode = errno == "EAGAIN" ? PilotError.ResourceUnavailable : PilotError.UserNamespaceFailed,
        Retryable = true,
    };
}
