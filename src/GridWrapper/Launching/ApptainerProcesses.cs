using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>Tells the payload's processes from the runtime's own. Pure.</summary>
internal static class ApptainerProcesses
{
    /// <summary>Process 1 of the container's pid namespace: Singularity's and Apptainer's name for it.</summary>
    private static readonly ImmutableArray<string> Inits = ["sinit", "appinit"];

    private static readonly ImmutableArray<string> RuntimesOwn =
        ["apptainer", "singularity", "starter", "starter-suid", "squashfuse", "squashfuse_ll", "fuse-overlayfs", "fuse2fs", "gocryptfs", .. Inits];

    /// <summary>
    /// The payload's processes in the runtime's process group. Signals go to each of them, not to the group: the runtime hands on what it gets, so
    /// that the payload would get it twice, and file systems that it serves by FUSE would go. Empty where they cannot be told: then the runtime gets the signal.
    /// </summary>
    internal static ImmutableArray<int> Payload(ImmutableArray<ProcessEntry> all, int runtime)
    {
        ILookup<int, ProcessEntry> children = all.ToLookup(p => p.ParentPid);
        IEnumerable<ProcessEntry> inits = children[runtime].Where(p => Inits.Contains(p.Name));
        return [.. Below(inits.Select(p => p.Pid), children).Where(p => p.Group == runtime).Select(p => p.Pid)];
    }

    /// <summary>Whether set-up is over. A site may have forbidden pid namespaces, then the payload has no init; it is known by not being one of the runtime's programs.</summary>
    internal static bool HavePayload(ImmutableArray<ProcessEntry> all, int runtime)
    {
        ILookup<int, ProcessEntry> children = all.ToLookup(p => p.ParentPid);
        return Below([runtime], children).Any(p => !RuntimesOwn.Contains(p.Name) || all.Any(q => q.Pid == p.ParentPid && Inits.Contains(q.Name)));
    }

    private static IEnumerable<ProcessEntry> Below(IEnumerable<int> pids, ILookup<int, ProcessEntry> children) =>
        pids.SelectMany(pid => children[pid]).SelectMany(child => Below([child.Pid], children).Prepend(child));
}
