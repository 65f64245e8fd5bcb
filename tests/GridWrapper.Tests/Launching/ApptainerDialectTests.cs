using GridWrapper.Launching;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Launching;

/// <summary>What is taken for granted of each version that sites have.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ApptainerDialectTests
{
    [TestCase("singularity", "2.6.1-dist", "SINGULARITY", false, true)]
    [TestCase("singularity", "3.5.3-1.el7", "SINGULARITY", false, true)]
    [TestCase("singularity", "3.6.0", "SINGULARITY", false, false)]
    [TestCase("singularity", "3.8.7-1.el8", "SINGULARITY", false, false)]
    [TestCase("singularity", "3.9.0", "SINGULARITY", true, false)]
    [TestCase("singularity", "3.11.4-jammy", "SINGULARITY", true, false)]
    [TestCase("singularity", "4.1.5+ds", "SINGULARITY", true, false)]
    [TestCase("singularity", "unknown", "SINGULARITY", false, false)]
    [TestCase("apptainer", "1.0.3", "APPTAINER", true, false)]
    [TestCase("apptainer", "1.1.9-1.el9", "APPTAINER", true, false)]
    [TestCase("apptainer", "1.2.5", "APPTAINER", true, false)]
    [TestCase("apptainer", "1.3.6", "APPTAINER", true, false)]
    [TestCase("apptainer", "1.4.5", "APPTAINER", true, false)]
    public void AVersionHasItsDialect(string name, string version, string prefix, bool hasMount, bool tooOld)
    {
        RuntimeFacts runtime = new("/usr/bin/" + name, name, version, "path", StepResult.Ok);
        Assert.That(ApptainerDialect.Of(runtime), Is.EqualTo(new ApptainerDialect(prefix, hasMount, tooOld)));
    }
}
