using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class SubordinateIdProbeTests
{
    private static readonly NodeFacts Node = Launching.Requests.Plan(new Fact<ImmutableArray<RuntimeFacts>>.Known([])).Host.Node with { Uid = 1000, Gid = 100, UserName = "me" };

    [TestCase("me:100000:65536", "1000:5:7", 100000u, 5u)]
    [TestCase("you:1:1\n1000:2:3\nme:4:5", "me:6:7", 2u, 6u)]
    [TestCase("me:x:1\nme:1:0\nme:+1:1\nme:8:9", "me:6:7", 8u, 6u)]
    public void TheFirstUsableEntryOfTheUserCounts(string uids, string gids, uint uidStart, uint gidStart)
    {
        using Scratch root = Make(uids, gids, mappers: true);
        Assert.That(SubordinateIdProbe.Probe(root.Path, Node).IsKnown(out SubordinateIds ids), Is.True);
        Assert.That((ids.UidStart, ids.GidStart, ids.UidMapper, ids.GidMapper), Is.EqualTo((uidStart, gidStart, "/usr/bin/newuidmap", "/usr/bin/newgidmap")));
    }

    [TestCase("", "me:1:1", true, "/etc/subuid has no range for me (1000)")]
    [TestCase("me:1:1", "you:1:1", true, "/etc/subgid has no range for me (1000)")]
    [TestCase("me:4294967295:2", "me:1:1", true, "/etc/subuid has no range")]
    [TestCase("me:1:1", "me:1:1", false, "newuidmap and newgidmap are not installed")]
    public void WhatIsMissingIsNamed(string uids, string gids, bool mappers, string reason)
    {
        using Scratch root = Make(uids, gids, mappers);
        Assert.That(SubordinateIdProbe.Probe(root.Path, Node), Is.InstanceOf<Fact<SubordinateIds>.Absent>().With.Property("Reason").Contain(reason));
    }

    private static Scratch Make(string uids, string gids, bool mappers)
    {
        Scratch root = new();
        root.Write("etc/subuid", uids);
        root.Write("etc/subgid", gids);
        if (mappers)
        {
            root.Write("usr/bin/newuidmap", "");
            root.Write("usr/bin/newgidmap", "");
        }

        return root;
    }
}
