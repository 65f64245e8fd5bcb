using System.Runtime.Versioning;

namespace GridWrapper.SystemTests.Launching;

/// <summary>Every row of docs/conformance.md asked of our launchers: a red cell needs a written reason, and a reason needs its red cell.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(400_000)]
internal sealed class ConformanceTests
{
    [TestCase("rootless")]
    [TestCase("apptainer-launcher")]
    public async Task NoCellIsRedWithoutAReason(string runtime)
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("the Debian 13 tree is entered by root only");
        }

        string program = Environment.GetEnvironmentVariable("GRIDWRAP_PROGRAM") ?? Path.Combine(RootlessTestbed.Repository, "artifacts", "linux-x64", "gridwrap");
        if (!File.Exists(program))
        {
            Assert.Ignore($"{program} is missing: ./build.sh makes it");
        }

        (int code, string output, string errors) = await RootlessTestbed.ExecuteAsync(
            [Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "conformance", "conformance.sh"), "--check", "--gridwrap", program, "--runtimes", runtime], new RootlessTestbed.Launch());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(output, Is.Empty);
            Assert.That(code, Is.Zero, errors);
        }
    }
}
