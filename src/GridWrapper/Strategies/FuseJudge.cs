using GridWrapper.Diagnostics;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>What refuses every root filesystem that a program serves to the launch, whichever program that is. Pure.</summary>
internal static class FuseJudge
{
    /// <param name="what">What cannot be done then, such as "the image cannot be mounted".</param>
    internal static Verdict.Refused? Refuse(HostFacts host, string what)
    {
        if (!host.FuseDevice.IsKnown(out _))
        {
            return Refused($"{what}: {host.FuseDevice.Why}; /dev/fuse must be open to users (mode 0666)");
        }

        return host.Namespaces.IsKnown(out NamespaceFacts namespaces) && !namespaces.Fuse.Works
            ? Refused($"{what}: FUSE in a user namespace does not work here ({namespaces.Fuse.Detail}); it needs Linux 4.18") with { Errno = namespaces.Fuse.Errno }
            : null;
    }

    internal static Verdict.Refused Refused(string reason) =>
        new() { Reason = reason, Blame = Blame.Site, PilotErrorCode = PilotError.ContainerImageMountFailure, Retryable = true };
}
