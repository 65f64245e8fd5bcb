using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class SubordinateIdProbeTests
{
    private static readonly NodeFacts Node = Launching.Requests.Plan(new Fact<ImmutableArray<RuntimeFacts>>.Known([])).Host.Node with { Uid = 1000, Gid = 100, UserName = "me" };

    [TestCase("me:100000:65536", "1000:5:7", 100000u, 5u)]
    [TestCase("you:1:1\n1000:2:3\nme:4:5", "me:6:7", 2u, 6u)]
    [TestCase("me:x:1\nme:1:0\nme:+1:1\nme:8:9", "me:6:7", 8u, 6u)]
    public async Task TheFirstUsableEntryOfTheUserCounts(string uids, string gids, uint uidStart, uint gidStart)
    {
        using Scratch root = Make(uids, gids, mappers: true);
        Assert.That((await SubordinateIdProbe.ProbeAsync(root.Path, Node, NotAsked)).IsKnown(out SubordinateIds ids), Is.True);
        Assert.That((ids.UidStart, ids.GidStart, ids.UidMapper, ids.GidMapper), Is.EqualTo((uidStart, gidStart, "/usr/bin/newuidmap", "/usr/bin/newgidmap")));
    }

    [TestCase("", "me:1:1", true, "/etc/subuid has no range for me (1000)")]
    [TestCase("me:1:1", "you:1:1", true, "/etc/subgid has no range for me (1000)")]
    [TestCase("me:4294967295:2", "me:1:1", true, "/etc/subuid has no range")]
    [TestCase("me:1:1", "me:1:1", false, "newuidmap and newgidmap are not installed")]
    public async Task WhatIsMissingIsNamed(string uids, string gids, bool mappers, string reason)
    {
        using Scratch root = Make(uids, gids, mappers);
        Assert.That(await SubordinateIdProbe.ProbeAsync(root.Path, Node, NotAsked), Is.InstanceOf<Fact<SubordinateIds>.Absent>().With.Property("Reason").Contain(reason));
    }

    [TestCase("subid: sss", "0: me 300000 65536\n", "0: me 400000 65536\n", 300000u, 400000u)]
    [TestCase("passwd: files\nsubid:\tsss files\n", "0: me 3 4\n1: me 9 9\n", "0: me 5 6\n", 3u, 5u)]
    public async Task WhereTheNameServiceKeepsTheRangesGetsubidsIsAsked(string nsswitch, string uids, string gids, uint uidStart, uint gidStart)
    {
        using Scratch root = Make("", "", mappers: true);
        root.Write("etc/nsswitch.conf", nsswitch);
        root.Write("usr/bin/getsubids", "");
        Fact<SubordinateIds> fact = await SubordinateIdProbe.ProbeAsync(root.Path, Node, (_, words) => Task.FromResult<string?>(words[0] == "-g" ? gids : uids));
        Assert.That(fact.IsKnown(out SubordinateIds ids), Is.True);
        Assert.That((ids.UidStart, ids.GidStart), Is.EqualTo((uidStart, gidStart)));
    }

    [TestCase("subid: sss", null, "the name service (getsubids) has no range for me")]
    [TestCase("subid: sss", "Error fetching ranges\n", "the name service (getsubids) has no range for me")]
    [TestCase("subid: files", "0: me 3 4\n", "/etc/subuid has no range for me")]
    public async Task ANameServiceWithoutAnAnswerHasNoRange(string nsswitch, string? answer, string reason)
    {
        using Scratch root = Make("", "", mappers: true);
        root.Write("etc/nsswitch.conf", nsswitch);
        root.Write("usr/bin/getsubids", "");
        Fact<SubordinateIds> fact = await SubordinateIdProbe.ProbeAsync(root.Path, Node, (_, _) => Task.FromResult(answer));
        Assert.That(fact, Is.InstanceOf<Fact<SubordinateIds>.Absent>().With.Property("Reason").Contain(reason));
    }

    private static Task<string?> NotAsked(string program, ImmutableArray<string> words) => throw new InvalidOperationException(program);

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
