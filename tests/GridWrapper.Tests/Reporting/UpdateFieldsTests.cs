using GridWrapper.Reporting;

namespace GridWrapper.Tests.Reporting;

[Parallelizable(ParallelScope.All)]
public class UpdateFieldsTests
{
    private static readonly string Long = new('x', 5000);

    private static readonly JobUpdate LongUpdate = Samples.FullUpdate with
    {
        Node = Long,
        PilotId = Long,
        BatchId = Long,
        CpuArchitectureLevel = Long,
        JobMetrics = Long,
        PilotLog = Long,
        PilotErrorDiag = Long,
        ExeErrorDiag = Long,
        JobSubStatus = Long,
        Stdout = Long,
        MetaData = Long,
        JobOutputReport = Long,
        Grid = Long,
        SourceSite = Long,
        DestinationSite = Long,
    };

    [TestCase("node", 128)]
    [TestCase("pilot_id", 200)]
    [TestCase("batch_id", 80)]
    [TestCase("cpu_architecture_level", 20)]
    [TestCase("job_metrics", 500)]
    [TestCase("pilot_log", 1024)]
    [TestCase("pilot_error_diag", 500)]
    [TestCase("exe_error_diag", 500)]
    [TestCase("job_sub_status", 80)]
    [TestCase("grid", 50)]
    [TestCase("source_site", 36)]
    [TestCase("destination_site", 36)]
    [TestCase("stdout", 2048)]
    [TestCase("meta_data", 5000)]
    [TestCase("job_output_report", 5000)]
    public void Texts_are_cut_to_what_the_server_keeps(string name, int length) => Assert.That(Value(LongUpdate, name), Has.Length.EqualTo(length));

    [Test]
    public void The_end_of_stdout_is_kept() => Assert.That(Value(Samples.FullUpdate with { Stdout = Long + "the end" }, "stdout"), Does.EndWith("the end"));

    [Test]
    public void No_character_is_cut_in_half()
    {
        string faces = string.Concat(Enumerable.Repeat("😀", 2000));
        string odd = "x" + faces;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Value(Samples.FullUpdate with { PilotErrorDiag = odd }, "pilot_error_diag"), Has.Length.EqualTo(499));
            Assert.That(Value(Samples.FullUpdate with { Stdout = faces + "y" }, "stdout"), Has.Length.EqualTo(2047));
        }
    }

    [Test]
    public void Nul_characters_are_taken_out() => Assert.That(Value(Samples.FullUpdate with { Stdout = "a\0b" }, "stdout"), Is.EqualTo("ab"));

    [Test]
    public void Absurd_cpu_times_are_not_sent() =>
        Assert.That(UpdateFields.Of(Samples.FullUpdate with { CpuConsumptionTime = 1_000_000_001 }).Select(static f => f.Name), Has.No.Member("cpu_consumption_time"));

    [Test]
    public void Forms_are_percent_encoded() => Assert.That(
        Encoding.ASCII.GetString(WireBody.Form([new WireField("a", "b", "x &=ü+"), new WireField("only_v1", null, 1L), new WireField("c", "d", -5L)])),
        Is.EqualTo("b=x%20%26%3D%C3%BC%2B&d=-5"));

    private static string Value(JobUpdate update, string name) => (string)UpdateFields.Of(update).Single(f => f.Name == name).Value;
}
