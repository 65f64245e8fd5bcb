using GridWrapper.Launching;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Launching;

/// <summary>Who exists inside.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class IdentityMapsTests
{
    private static readonly NodeFacts Node = Requests.Plan(new Fact<ImmutableArray<RuntimeFacts>>.Known([])).Host.Node with { Uid = 1000, Gid = 100, UserName = "me" };

    private static readonly Fact<SubordinateIds> Ranges = new Fact<SubordinateIds>.Known(new SubordinateIds
    {
        UidStart = 100_000, UidCount = 65_536, GidStart = 200_000, GidCount = 50, UidMapper = "/usr/bin/newuidmap", GidMapper = "/usr/bin/newgidmap",
    });

    private static readonly Fact<SubordinateIds> None = new Fact<SubordinateIds>.Absent("/etc/subuid has no range for me (1000)");

    [Test]
    public void TheUsualPayloadIsItsOwnUserAndNobodyElse()
    {
        IdentityMaps maps = IdentityMaps.Create(Node, new Isolation(), Ranges);
        Assert.That((Text(maps), maps.IsSingle, maps.Warning), Is.EqualTo(("1000 1000 1|100 100 1||", true, (string?)null)));
    }

    [Test]
    public void RootInsideIsTheSameIdInANamespaceBelow() =>
        Assert.That(Text(IdentityMaps.Create(Node, new Isolation { FakeRoot = true }, Ranges)), Is.EqualTo("1000 1000 1|100 100 1|0 1000 1|0 100 1"));

    [TestCase(nameof(IdMapping.Range)), TestCase(nameof(IdMapping.Auto))]
    public void ARangeSurroundsTheOwnId(string mapping)
    {
        IdentityMaps maps = IdentityMaps.Create(Node, new Isolation { Mapping = Enum.Parse<IdMapping>(mapping) }, Ranges);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Text(maps), Is.EqualTo("0 100000 1000;1000 1000 1;1001 101000 64536|0 200000 50;100 100 1||"));
            Assert.That((maps.UidMapper, maps.GidMapper, maps.IsSingle), Is.EqualTo(("/usr/bin/newuidmap", "/usr/bin/newgidmap", false)));
        }
    }

    [Test]
    public void RootInsideARangeHasItInLinesThatTheMapAboveHas() => Assert.That(
        Text(IdentityMaps.Create(Node, new Isolation { Mapping = IdMapping.Range, FakeRoot = true }, Ranges)),
        Is.EqualTo("0 1000 1;1 100000 65536|0 100 1;1 200000 50|0 0 1;1 1 65536|0 0 1;1 1 50"));

    [Test]
    public void AMissingRangeIsToldOnlyToWhoInsisted()
    {
        IdentityMaps insisted = IdentityMaps.Create(Node, new Isolation { Mapping = IdMapping.Range }, None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(insisted.Warning, Does.Contain("/etc/subuid has no range for me (1000)").And.Contain("apt"));
            Assert.That(Text(insisted), Is.EqualTo("1000 1000 1|100 100 1||"));
            Assert.That(IdentityMaps.Create(Node, new Isolation { Mapping = IdMapping.Auto }, None).Warning, Is.Null);
        }
    }

    [TestCase(false, "", false), TestCase(true, "0", true)]
    public void ARefusedRangeLeavesOneId(bool root, string inside, bool faked)
    {
        LaunchSpec spec = new()
        {
            Launcher = "rootless", Argv = ["x"], Environment = ImmutableSortedDictionary<string, string>.Empty, WorkingDirectory = "/",
            UidMap = ["0 1 2"], GidMap = ["0 1 2"], UidMapper = "/u", GidMapper = "/g", InnerUidMap = root ? ["0 0 1"] : [], InnerGidMap = root ? ["0 0 1"] : [],
        };
        LaunchSpec single = RootlessLauncher.WithOneId(spec, "why");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((single.UidMapper, single.GidMapper, single.FakeRoot), Is.EqualTo(((string?)null, (string?)null, faked)));
            Assert.That(single.InnerUidMap.Select(l => l.Split(' ')[0]).FirstOrDefault() ?? "", Is.EqualTo(inside));
            Assert.That(single.Warning, Does.Contain("(why)"));
        }
    }

    private static string Text(IdentityMaps maps) => string.Join('|', ((ImmutableArray<string>[])[maps.Uids, maps.Gids, maps.InnerUids, maps.InnerGids]).Select(m => string.Join(';', m)));
}
