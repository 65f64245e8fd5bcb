using GridWrapper.Linux;

namespace GridWrapper.Tests.Linux;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ProcessEntryTests
{
    [TestCase("12 (sh) S 1 12 12 0 -1", 12, 1, 12, "sh")]
    [TestCase("12 (a) (b c) R 7 5 12 0 -1", 12, 7, 5, "a) (b c")]
    [TestCase("12 (x\ny) Z 7 5 5 0 -1", 12, 7, 5, "x\ny")]
    public void IsParsed(string stat, int pid, int parent, int group, string name) =>
        Assert.That(ProcessEntry.Parse(stat), Is.EqualTo(new ProcessEntry(pid, parent, group, name)));

    [TestCase("")]
    [TestCase("12 sh S 1 1")]
    [TestCase("12 (sh)")]
    [TestCase("x (sh) S 1 1 1")]
    public void OtherTextIsNone(string stat) => Assert.That(ProcessEntry.Parse(stat), Is.Null);

    [Test]
    public void ThisProcessIsSeen() => Assert.That(ProcessEntry.ReadAll().Select(p => p.Pid), Does.Contain(Environment.ProcessId));
}
