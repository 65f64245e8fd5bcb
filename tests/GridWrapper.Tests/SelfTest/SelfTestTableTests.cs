using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class SelfTestTableTests
{
    private static readonly ImmutableArray<SelfTestRow> s_rows =
    [
        new("cvmfs-flat", "rootless", SelfTestResult.Passed, 0.1234, "out.json delivered"),
        new("registry", "rootless", SelfTestResult.Failed, 12, "exit code 125:\nnot\rallowed"),
        new("registry", "apptainer", SelfTestResult.NotPossible, null, "no apptainer on this node"),
    ];

    [Test]
    public void Columns_are_aligned_and_the_last_line_counts() => Assert.That(SelfTestTable.ToText(s_rows), Is.EqualTo("""
        STRATEGY    LAUNCHER   RESULT  SECONDS  DETAIL
        cvmfs-flat  rootless   ok         0.12  out.json delivered
        registry    rootless   FAILED    12.00  exit code 125: not allowed
        registry    apptainer  -             -  no apptainer on this node
        1 passed, 1 failed, 1 not possible on this node

        """));

    [Test]
    public void The_document_holds_the_same()
    {
        JObject document = JObject.Parse(SelfTestTable.ToJson(s_rows));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)document["schemaVersion"]!, Is.EqualTo(1));
            Assert.That(document["rows"]!.Select(r => (string?)r["result"]), Is.EqualTo(["passed", "failed", "notPossible"]));
            Assert.That((double?)document["rows"]![0]!["seconds"], Is.EqualTo(0.123));
            Assert.That((double?)document["rows"]![2]!["seconds"], Is.Null);
            Assert.That((int)document["notPossible"]!, Is.EqualTo(1));
        }
    }

    [Test]
    public void No_rows_still_make_a_table() => Assert.That(SelfTestTable.ToText([]), Does.EndWith("0 passed, 0 failed, 0 not possible on this node\n"));
}
