using GridWrapper.Probing;
using GridWrapper.Watching;

namespace GridWrapper.Tests.Watching;

/// <summary>Where a control group would be made; what the kernel does with it is for the system tests.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class CgroupTests
{
    [TestCase("0::/user.slice/job", "/", "/user.slice/job")]
    [TestCase("0::/", "/", "")]
    [TestCase("4:memory:/x\n0::/a/b", "/a", "/b")]
    public void TheOwnGroupIsFound(string own, string mounted, string expected)
    {
        using ProcTree node = Node(own, mounted);
        Assert.That(((Fact<CgroupHome>.Known)CgroupHome.Find(node.Root)).Value.Directory, Is.EqualTo(node.Root + "/sys/fs/cgroup" + expected));
    }

    [TestCase("0::/../elsewhere", "/", "no process")]
    [TestCase("4:memory:/x", "/", "version 2")]
    [TestCase("0::/other", "/mine", "outside")]
    public void WhatCannotBeReachedIsAbsent(string own, string mounted, string reason)
    {
        using ProcTree node = Node(own, mounted);
        Fact<CgroupHome> home = CgroupHome.Find(node.Root);
        if (reason == "no process")
        {
            Assert.That(Directory.Exists(home.IsKnown(out CgroupHome known) ? known.Directory : "/nonexistent"), Is.False);
            return;
        }

        Assert.That(home, Is.TypeOf<Fact<CgroupHome>.Absent>().With.Property("Reason").Contains(reason));
    }

    [Test]
    public void WithoutAHierarchyThereIsNone()
    {
        using ProcTree node = new();
        node.Write("proc/self/cgroup", "0::/");
        Assert.That(CgroupHome.Find(node.Root), Is.TypeOf<Fact<CgroupHome>.Absent>());
    }

    [Test]
    public void ALeafIsMadeAndRemoved()
    {
        using ProcTree node = Node("0::/job", "/");
        string home = node.Root + "/sys/fs/cgroup/job";
        using (CgroupLeaf leaf = ((Fact<CgroupLeaf>.Known)CgroupLeaf.Make(node.Root, CgroupUse.Auto)).Value)
        {
            Assert.That((Path.GetDirectoryName(leaf.Directory), Directory.Exists(leaf.Directory)), Is.EqualTo((home, true)));
        }

        Assert.That(Directory.GetDirectories(home), Is.Empty);
    }

    [Test]
    public void ALeafThatNobodyHoldsIsADeadRunsAndGoes()
    {
        using ProcTree node = Node("0::/job", "/");
        string dead = node.Root + "/sys/fs/cgroup/job/gridwrap-1-0";
        string other = node.Root + "/sys/fs/cgroup/job/other";
        Directory.CreateDirectory(dead);
        Directory.CreateDirectory(other);
        ((Fact<CgroupLeaf>.Known)CgroupLeaf.Make(node.Root, CgroupUse.Auto)).Value.Dispose();
        Assert.That((Directory.Exists(dead), Directory.Exists(other)), Is.EqualTo((false, true)));
    }

    [Test]
    public void ALeafThatSomebodyHoldsStays()
    {
        using ProcTree node = Node("0::/job", "/");
        using CgroupLeaf first = ((Fact<CgroupLeaf>.Known)CgroupLeaf.Make(node.Root, CgroupUse.Auto)).Value;
        using CgroupLeaf second = ((Fact<CgroupLeaf>.Known)CgroupLeaf.Make(node.Root, CgroupUse.Auto)).Value;
        Assert.That(second.Directory, Is.Not.EqualTo(first.Directory));
        Assert.That(Directory.Exists(first.Directory));
    }

    [Test]
    public void TheProfileMayForbidThem() =>
        Assert.That(CgroupLeaf.Make("/", CgroupUse.Off), Is.TypeOf<Fact<CgroupLeaf>.Absent>().With.Property("Reason").Contains("limits.cgroup"));

    [Test]
    public void AParentWithControllersIsTakenBeforeTheOwnGroup()
    {
        using ProcTree node = Node("0::/job/leaf", "/");
        node.Write("sys/fs/cgroup/job/cgroup.subtree_control", "cpu memory pids\n");
        node.Write("sys/fs/cgroup/job/cgroup.procs", "");
        using CgroupLeaf leaf = ((Fact<CgroupLeaf>.Known)CgroupLeaf.Make(node.Root, CgroupUse.Auto)).Value;
        Assert.That((leaf.ParentDirectory, leaf.Controllers, leaf.MovedItself), Is.EqualTo((node.Root + "/sys/fs/cgroup/job", leaf.Controllers, false)));
        Assert.That(leaf.Controllers, Is.EqualTo((string[])["cpu", "memory", "pids"]));
    }

    [Test]
    public void OthersInTheGroupAreNotMoved()
    {
        using ProcTree node = Node("0::/job", "/");
        node.Write("sys/fs/cgroup/job/cgroup.controllers", "cpu memory pids\n");
        node.Write("sys/fs/cgroup/job/cgroup.procs", "1\n2\n");
        using CgroupLeaf leaf = ((Fact<CgroupLeaf>.Known)CgroupLeaf.Make(node.Root, CgroupUse.Auto)).Value;
        Assert.That((leaf.Controllers.Length, leaf.MovedItself), Is.EqualTo((0, false)));
    }

    [TestCase("0::/job", "memory.events", "oom 1\noom_kill 4\n", "oom 3\noom_kill 6\n")]
    [TestCase("4:memory:/job", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", "oom_kill 6\n")]
    public void KillsByTheKernelAreCounted(string own, string file, string before, string after)
    {
        using ProcTree node = Node(own, "/");
        node.Write("sys/fs/cgroup/job/" + file, before);
        OomCounter counter = OomCounter.Start(node.Root);
        node.Write("sys/fs/cgroup/job/" + file, after);
        Assert.That(counter.Kills, Is.EqualTo(2));
    }

    private static ProcTree Node(string own, string mounted)
    {
        ProcTree node = new();
        string type = own.StartsWith("4:", StringComparison.Ordinal) && !own.Contains("0::", StringComparison.Ordinal) ? "cgroup - cgroup cgroup rw,memory" : "x - cgroup2 cgroup2 rw";
        node.Write("proc/self/cgroup", own + "\n");
        node.Write("proc/self/mountinfo", $"30 25 0:27 {mounted} /sys/fs/cgroup rw shared:4 {type[type.IndexOf('-', StringComparison.Ordinal)..]}\n");
        Directory.CreateDirectory(node.Root + "/sys/fs/cgroup/job/leaf");
        if (!own.EndsWith("leaf", StringComparison.Ordinal))
        {
            Directory.Delete(node.Root + "/sys/fs/cgroup/job/leaf");
        }

        return node;
    }
}
