using GridWrapper.Linux;
using GridWrapper.Probing;

namespace GridWrapper.Watching;

/// <summary>Finds out whether payloads can have a control group by making one, putting a process into it and removing it.</summary>
internal static class CgroupProbe
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    internal static async Task<Fact<CgroupFacts>> ProbeAsync(CgroupUse use, TimeProvider time)
    {
        Fact<CgroupLeaf> made = CgroupLeaf.Make("/", use);
        if (!made.IsKnown(out CgroupLeaf leaf))
        {
            return new Fact<CgroupFacts>.Absent(made.Why);
        }

        using (leaf)
        {
            ChildProcess child = ChildProcess.Start(new ChildSpec
            {
                Program = "/bin/sh",
                Argv = ["/bin/sh", "-c", "{ echo 0 >\"$0/cgroup.procs\"; } 2>/dev/null", leaf.Directory],
                Environment = [],
                NewProcessGroup = true,
            });
            if (await Task.WhenAny(child.Exit, Task.Delay(Patience, time)) != child.Exit)
            {
                return new Fact<CgroupFacts>.Unknown($"a process did not enter {leaf.Directory} in time");
            }

            return (await child.Exit).Code == 0
                ? new Fact<CgroupFacts>.Known(new CgroupFacts(leaf.ParentDirectory, leaf.Controllers, leaf.MovedItself))
                : new Fact<CgroupFacts>.Absent($"a group can be made in {leaf.ParentDirectory}, but no process may be moved into it: cgroup.procs of a group above is not delegated");
        }
    }
}
