namespace GridWrapper.Launching;

/// <summary>
/// Starts a program in a control group: a shell joins it and becomes the program. So the program and all that it starts are members from their first instruction, which moving
/// it after its start could not promise, and no process is added.
/// </summary>
internal static class CgroupJoin
{
    internal const string Shell = "/bin/sh";

    /// <summary>A group that cannot be joined does not keep the payload from running; sampling holds its limits then.</summary>
    private const string Script = "{ echo 0 >\"$0/cgroup.procs\"; } 2>/dev/null; exec \"$@\"";

    internal static ImmutableArray<string> Before(string group, ImmutableArray<string> argv) => [Shell, "-c", Script, group, .. argv];
}
