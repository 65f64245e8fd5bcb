using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

/// <summary>The decision table of reference states: one line per symptom.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class CvmfsStatesTests
{
    private const string Fuse = "1702057286"; // 0x65735546
    private const string Autofs = "391"; // 0x187
    private const string Ext4 = "61267";

    private static IEnumerable<TestCaseData> Table()
    {
        yield return Row("Absent", "no CVMFS root", "root.errno=ENOENT");
        yield return Row("Absent", "no such directory", "root.type=" + Ext4, "open.errno=ENOENT");
        yield return Row("Absent", "not configured", "root.type=" + Autofs, "open.errno=ENOENT", "open.milliseconds=20");
        yield return Row("Broken", "mount failed", "root.type=" + Autofs, "open.errno=ENOENT", "open.milliseconds=9000");
        yield return Row("Broken", "EIO", "open.errno=EIO");
        yield return Row("Dead", "died", "open.errno=ENOTCONN");
        yield return Row("Dead", "died", "open.errno=", "statfs.errno=ECONNABORTED");
        yield return Row("Forbidden", "EACCES", "open.errno=EACCES");
        yield return Row("NamespacePrivate", "ELOOP", "open.errno=ELOOP");
        yield return Row("Broken", "no descriptors", "open.errno=EMFILE");
        yield return Row("Broken", "did not mount", "statfs.type=" + Autofs, "list.count=0");
        yield return Row("Absent", "nothing is mounted", "statfs.type=" + Ext4, "list.count=0");
        yield return Row("Copy", "a copy", "statfs.type=" + Ext4, "list.count=3");
        yield return Row("Copy", "0x6969", "statfs.type=26985", "list.count=3");
        yield return Row("Broken", "empty", "statfs.type=" + Fuse, "fqrn=a.test", "list.count=0");
        yield return Row("Broken", "listing", "statfs.type=" + Fuse, "fqrn=a.test", "list.errno=EIO");
        yield return Row("Broken", "logDir/lastUpdate", "statfs.type=" + Fuse, "fqrn=a.test", "list.count=2", "sentinel.path=logDir/lastUpdate", "sentinel.errno=EIO");
        yield return Row("Healthy", "revision 9", "statfs.type=" + Fuse, "fqrn=a.test", "attribute.revision=9", "list.count=2");
        yield return Row("Healthy", "hidden", "statfs.type=" + Fuse, "fqrn.errno=ENODATA", "attribute.revision=9", "list.count=2");
        yield return Row("Copy", "without the attributes", "statfs.type=" + Fuse, "fqrn.errno=ENODATA", "list.count=2");
        yield return Row("Copy", "calls itself b.test", "statfs.type=" + Fuse, "fqrn=b.test", "list.count=2");
        yield return Row("Dead", "died", "statfs.type=" + Fuse, "fqrn.errno=ENOTCONN", "list.count=2");
    }

    private static TestCaseData Row(string state, string detail, params string[] seen) => new TestCaseData(state, detail, seen).SetArgDisplayNames(state, string.Join(' ', seen));

    private static CvmfsRepositoryFacts Judge(ProbeEnd end, params string[] seen) => CvmfsStates.Judge(
        "a.test",
        "/cvmfs/a.test",
        new ProbeReply { End = end, Trouble = end == ProbeEnd.Answered ? "" : "no answer", Values = seen.ToImmutableDictionary(s => s.Split('=')[0], s => s.Split('=')[1]), LeakedPid = end == ProbeEnd.Stuck ? 7 : null });

    [TestCaseSource(nameof(Table))]
    public void A_symptom_has_its_state(string state, string detail, string[] seen)
    {
        CvmfsRepositoryFacts facts = Judge(ProbeEnd.Answered, seen);
        Assert.That(facts.State.ToString(), Is.EqualTo(state), facts.Detail);
        Assert.That(facts.Detail, Does.Contain(detail));
    }

    [Test]
    public void How_the_child_ended_decides_before_what_it_saw([Values(2, 1, 3, 4)] int end)
    {
        CvmfsRepositoryFacts facts = Judge((ProbeEnd)end, "open.errno=");
        CvmfsState expected = (ProbeEnd)end switch { ProbeEnd.TimedOut => CvmfsState.Slow, ProbeEnd.Failed => CvmfsState.Broken, _ => CvmfsState.Hung };
        Assert.That((facts.State, facts.LeakedProbePid), Is.EqualTo((expected, (ProbeEnd)end == ProbeEnd.Stuck ? 7 : (int?)null)));
    }

    [TestCase("rose from 1 to 3", "attribute.nioerr=1", "again.nioerr=3")]
    [TestCase("DIRECT", "attribute.proxy=DIRECT")]
    [TestCase("cache", "statfs.free=1000000")]
    [TestCase("cache", "attribute.ncleanup24=200")]
    [TestCase("descriptors", "attribute.usedfd=990", "attribute.maxfd=1000")]
    public void A_usable_repository_may_have_warnings(string warning, params string[] seen)
    {
        string[] healthy = [.. (string[])["statfs.type=" + Fuse, "fqrn=a.test", "list.count=2"], .. seen];
        Assert.That(Judge(ProbeEnd.Answered, healthy).Warnings, Has.Length.EqualTo(1).And.Some.Contains(warning));
    }
}
