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
        if (facts.Overlay.Works)
        {
            return null;
        }

        return writable
            ? Fault(facts.Overlay, "a writable root needs overlay in a user namespace, which does", "it needs Linux 5.11, or EL 8.5; without --writable the image runs here")
            : Fault(facts.Underlay, $"overlay in a user namespace does not work here ({facts.Overlay.Detail}), and putting the root together from binds does", "it needs Linux 5.11, or EL 8.5, or mount(2)");
    }

    /// <summary>What a payload may notice of the node's shortcomings.</summary>
    private static string? Note(NamespaceFacts facts)
    {
        string? root = facts.Overlay.Works ? null : $"no overlay in user namespaces ({facts.Overlay.Detail}), so the root is put together from binds";
        string? proc = facts.FreshProc.Works ? null : $"no fresh /proc ({facts.FreshProc.Detail}), so the payload sees the node's processes";
        return (root, proc) is (not null, not null) ? $"{root}; {proc}" : root ?? proc;
    }

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
